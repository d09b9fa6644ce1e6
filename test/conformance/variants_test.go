package conformance_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

// TestVariants runs all tests again for each choice that the environment can
// force, in a process of its own.
func TestVariants(t *testing.T) {
	if variable := childtest.Chosen(); variable != "" {
		t.Skipf("the environment variable %s has made its choice: this run is a variant", variable)
	}
	childtest.NeedBackend(t)
	variants := childtest.Variants()
	// The filters are many, the same on every kernel and at every size, and lead to
	// code that the variable WARDDEBUG shows the race detector.
	if !testing.Short() && !*selftest.Long && !built("-race", "true") {
		variants = append(variants, refused()...)
	}
	if len(variants) == 0 {
		t.Skip("the backend is " + ward.Capabilities().Backend + ", and there is no other")
	}
	for _, v := range variants {
		t.Run(v.Name, func(t *testing.T) {
			if v.Lacks != "" {
				t.Skip(v.Lacks)
			}
			t.Parallel()
			runVariant(t, v)
		})
	}
}

// variantsAtOnce has more of them run at a time than there are processors on
// Linux, where they are many. What a small test does is mostly to wait, but for a
// virtual machine, where -test.short is set.
func variantsAtOnce() {
	if runtime.GOOS == "linux" && !testing.Short() && !*selftest.Long {
		flag.Set("test.parallel", strconv.Itoa(4*runtime.NumCPU()))
	}
}

// runVariant runs all tests with something in the environment.
func runVariant(t *testing.T, v childtest.Variant) {
	args := []string{"-test.v", "-test.short"}
	if *selftest.Long {
		args = []string{"-test.v", "-long"}
	}
	self := selftest.Path()
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), v.Env...)
	out, err := cmd.CombinedOutput()
	passed := bytes.Count(out, []byte("\n--- PASS: "))
	about, _, _ := bytes.Cut(out, []byte("\n"))
	t.Logf("%d tests passed; %s", passed, about)
	if err != nil || passed == 0 {
		t.Errorf("%v\n%s", err, out)
	}
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
