package conformance_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/wardtest"
)

// A variant is a run of all tests with something in the environment.
type variant struct {
	name  string
	env   []string
	small bool   // also with -long
	lacks string // what the system would need for it
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
	variants := slices.Concat(forced(), private())
	if !testing.Short() { // the filters are many, and the same on every kernel
		variants = append(variants, refused()...)
	}
	for _, v := range variants {
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
	cmd.Env = append(os.Environ(), v.env...)
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
		variants = append(variants, variant{name: value, env: []string{"WARD=" + value}})
	}
	return variants
}

// private are those in which all children are private, where they can be: as
// the system offers it, and where the kernel reaps them, also by the keeper.
func private() []variant {
	v := variant{name: "private", env: []string{childtest.PrivateVariable + "=on"}}
	h, err := tryStart(&ward.Attr{Private: true}, "exit", "0")
	if errors.Is(err, errors.ErrUnsupported) {
		v.lacks = err.Error()
	}
	if err != nil {
		return []variant{v}
	}
	<-h.Done()
	if f, _ := find(ward.Capabilities(), "CLONE_AUTOREAP"); !f.OK {
		return []variant{v}
	}
	return []variant{v, {name: "private=keeper", env: append(v.env, "WARD=private=keeper")}}
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

// find returns the feature whose name has word in it.
func find(caps ward.Caps, word string) (ward.Feature, bool) {
	for _, f := range caps.Features {
		if strings.Contains(f.Name, word) {
			return f, true
		}
	}
	return ward.Feature{Name: word, Reason: "not looked for"}, false
}
