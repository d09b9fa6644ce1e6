package childtest

import (
	"os"
	"runtime"
	"testing"

	"github.com/wardproc/ward"
)

// NeedSpawnPrograms skips a test where the system cannot have spawn programs, and
// with them process descriptors. Where it can, they must be in use.
func NeedSpawnPrograms(t *testing.T) {
	t.Helper()
	switch caps := ward.Capabilities(); {
	case caps.Spawn == "fast":
	case runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64":
		t.Skip("no spawn programs on " + runtime.GOARCH)
	case os.Getenv("WARDDEBUG") != "":
		t.Skip("the environment variable WARDDEBUG takes process descriptors away from this run")
	default:
		t.Fatalf("no spawn programs: %v", caps)
	}
}
