package conformance_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

// natural is what the kernel has and a filter leaves.
func natural() ward.Caps {
	refused, err := selftest.Refused()
	if err != nil {
		panic(err)
	}
	lacks := func(calls ...string) bool {
		return slices.ContainsFunc(calls, func(call string) bool { return refused[call] != 0 })
	}
	if lacks("pidfd_send_signal", "waitid(P_PIDFD)") || selftest.KernelBefore(5, 4) {
		return ward.Caps{Backend: "fallback", Spawn: "std", Tier: ward.TierDetectable}
	}
	caps := ward.Caps{Backend: "pidfd", Spawn: "std", Tier: ward.TierRecoverable}
	if lacks("ioctl(PIDFD_GET_INFO)") || selftest.KernelBefore(6, 15) {
		caps.Tier = ward.TierDetectable
	}
	programs := runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"
	if programs && !lacks("clone3", "close_range") && !selftest.KernelBefore(5, 9) {
		caps.Spawn = "fast"
	}
	return caps
}

func TestGroupSignalsAreFound(t *testing.T) {
	f, ok := childtest.Feature(ward.Capabilities(), "PIDFD_SIGNAL_PROCESS_GROUP")
	if want := ok && !selftest.KernelBefore(6, 9); f.OK != want {
		t.Errorf("%s: %v, reason %q; want %v", f.Name, f.OK, f.Reason, want)
	}
}

func TestFeaturesThatAFilterRefusesAreNamed(t *testing.T) {
	refused, err := selftest.Refused()
	if err != nil {
		t.Fatal(err)
	}
	caps := ward.Capabilities()
	for call, errno := range refused {
		f, ok := childtest.Feature(caps, featureOf[call])
		if !ok && caps.Backend == "fallback" {
			continue // which has no use for it
		}
		if f.OK || !strings.Contains(f.Reason, errno.Error()) {
			t.Errorf("%s: %v, reason %q; want %v", f.Name, f.OK, f.Reason, errno)
		}
	}
	if len(refused) == 0 && (len(caps.Features) == 0 || strings.Contains(caps.String(), "function not implemented")) {
		t.Errorf("without a filter:\n%v", caps)
	}
}
