package exec_test

import (
	"os"
	osexec "os/exec"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/selftest"
)

// TestVariants runs all tests again on the backend and the spawn path that are
// not the system's first choice.
func TestVariants(t *testing.T) {
	if os.Getenv("WARDDEBUG") != "" {
		t.Skip("the environment variable WARDDEBUG has made its choice: this run is a variant")
	}
	caps := ward.Capabilities()
	if caps.Backend != "pidfd" && caps.Backend != "procdesc" && caps.Backend != "kqueue" {
		t.Skip("the backend is " + caps.Backend + ", and there is no other")
	}
	variants := []string{"backend=fallback"}
	if caps.Backend == "pidfd" && caps.Spawn == "fast" {
		variants = append(variants, "spawn=std")
	}
	self := selftest.Path()
	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			cmd := osexec.Command(self)
			cmd.Env = append(os.Environ(), "WARDDEBUG="+variant)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
