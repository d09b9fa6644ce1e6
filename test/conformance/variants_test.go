package conformance_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/wardtest"
)

// A variant is a run of all tests with a variable in the environment.
type variant struct {
	name            string
	variable, value string
	small           bool   // also with -long
	lacks           string // what the system would need for it
}

// TestVariants runs all tests again for each choice that the environment can
// force, in a process of its own.
func TestVariants(t *testing.T) {
	for _, variable := range []string{"WARD", childtest.PrivateVariable, wardtest.RefuseVariable} {
		if os.Getenv(variable) != "" {
			t.Skipf("the environment variable %s has made its choice: this run is a variant", variable)
		}
	}
	needBackend(t)
	for _, v := range append(append(forced(), private()), refused()...) {
		t.Run(v.name, func(t *testing.T) {
			if v.lacks != "" {
				t.Skip(v.lacks)
			}
			t.Parallel()
			v.run(t)
		})
	}
}

func (v variant) run(t *testing.T) {
	args := []string{"-test.v", "-test.short"}
	if *wardtest.Long && !v.small {
		args = []string{"-test.v", "-long"}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), v.variable+"="+v.value)
	out, err := cmd.CombinedOutput()
	passed := bytes.Count(out, []byte("\n--- PASS: "))
	about, _, _ := bytes.Cut(out, []byte("\n"))
	t.Logf("%d tests passed; %s", passed, about)
	if err != nil || passed == 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// forced are the choices of the variable WARD.
func forced() (variants []variant) {
	var values []string
	switch caps := ward.Capabilities(); {
	case caps.Backend == "pidfd":
		values = []string{"backend=fallback", "recover=off"}
		if caps.Spawn == "fast" {
			values = append(values, "spawn=std")
		}
	case caps.Backend == "procdesc":
		values = []string{"backend=kqueue", "backend=fallback", "recover=off"}
	case caps.Backend == "kqueue":
		values = []string{"backend=fallback", "recover=off"}
	case caps.Backend == "waitobj" && caps.Features[0].OK:
		values = []string{"packets=off"}
	}
	for _, value := range values {
		variants = append(variants, variant{name: value, variable: "WARD", value: value})
	}
	return variants
}

// private is the one in which all children are private, where they can be.
func private() variant {
	v := variant{name: "private", variable: childtest.PrivateVariable, value: "on"}
	h, err := tryStart(&ward.Attr{Private: true}, "exit", "0")
	if err == nil {
		<-h.Done()
	} else if errors.Is(err, errors.ErrUnsupported) {
		v.lacks = err.Error()
	}
	return v
}

// built reports whether a setting of the build has value in it.
func built(key, value string) bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == key {
			return strings.Contains(s.Value, value)
		}
	}
	return false
}
