package conformance_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/wardtest"
)

// TestVariants runs all tests again for each choice that the environment can
// force, in a process of its own.
func TestVariants(t *testing.T) {
	if os.Getenv("WARD") != "" {
		t.Skip("the environment variable WARD has made its choice: this run is a variant")
	}
	variants := variants()
	if len(variants) == 0 {
		t.Skip("this system has one backend and one way to start a child")
	}
	for _, variant := range variants {
		t.Run(variant, func(t *testing.T) {
			args := []string{"-test.v"}
			if *wardtest.Long {
				args = append(args, "-long")
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self, args...)
			cmd.Env = append(os.Environ(), "WARD="+variant)
			out, err := cmd.CombinedOutput()
			t.Logf("%d tests passed", bytes.Count(out, []byte("\n--- PASS: ")))
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func variants() []string {
	switch caps := ward.Capabilities(); {
	case caps.Backend == "pidfd":
		variants := []string{"backend=fallback", "recover=off"}
		if caps.Spawn == "fast" {
			variants = append(variants, "spawn=std")
		}
		return variants
	case caps.Backend == "procdesc":
		return []string{"backend=kqueue", "backend=fallback", "recover=off"}
	case caps.Backend == "kqueue":
		return []string{"backend=fallback", "recover=off"}
	case caps.Backend == "waitobj" && caps.Features[0].OK:
		return []string{"packets=off"}
	}
	return nil
}
