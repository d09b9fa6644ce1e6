package conformance_test

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

// natural is what the kernel has and a filter leaves.
func natural() ward.Caps {
	refusals := selftest.Refusals()
	lacks := func(calls ...string) bool {
		return slices.ContainsFunc(calls, func(call string) bool { return refusals[call] != 0 })
	}
	if lacks("pidfd_send_signal", "waitid(P_PIDFD)") || childtest.ClonePidfd() != nil {
		return ward.Caps{Backend: "fallback", Spawn: "std", Tier: ward.TierDetectable}
	}
	caps := ward.Caps{Backend: "pidfd", Spawn: "std", Tier: ward.TierRecoverable}
	if lacks("ioctl(PIDFD_GET_INFO)") || selftest.KernelBefore(6, 15) {
		caps.Tier = ward.TierDetectable
	}
	programs := runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"
	if programs && !lacks("close_range") {
		caps.Spawn = "fast"
	}
	return caps
}

// TestGroupSignalsAreFound asks the kernel itself, about a descriptor that is not
// open: one that knows the flag gets as far as that. gVisor does, too, but knows no groups
// by the pidfd of a child that leads none.
func TestGroupSignalsAreFound(t *testing.T) {
	f, ok := childtest.Feature(ward.Capabilities(), "PIDFD_SIGNAL_PROCESS_GROUP")
	const notOpen = 1<<31 - 1
	err := unix.PidfdSendSignal(notOpen, 0, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP)
	if err == unix.EBADF {
		h := childtest.StartHeld(t)
		if fd, openErr := unix.PidfdOpen(h.PID(), 0); openErr == nil {
			defer unix.Close(fd)
			if says := unix.PidfdSendSignal(fd, 0, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP); says == unix.EINVAL {
				err = says
			}
		}
	}
	if want := ok && err == unix.EBADF; f.OK != want {
		t.Errorf("%s: %v, reason %q; the kernel says %v", f.Name, f.OK, f.Reason, err)
	}
	if known := selftest.Refusals()["pidfd_send_signal"] == 0; ok && known && !f.OK && !selftest.KernelBefore(6, 9) {
		t.Errorf("%s: %v, and the kernel should have it", f.Name, err)
	}
}

func TestFeaturesThatAFilterRefusesAreNamed(t *testing.T) {
	refused := selftest.Refusals()
	named := func(reason string) bool {
		for _, errno := range refused {
			if strings.Contains(reason, errno.Error()) {
				return true
			}
		}
		return false
	}
	caps := ward.Capabilities()
	for call, errno := range refused {
		f, ok := childtest.Feature(caps, featureOf[call])
		if !ok && caps.Backend == "fallback" {
			continue // which has no use for it
		}
		// What a feature is built on may be refused in another way, and comes first.
		if f.OK || !named(f.Reason) {
			t.Errorf("%s: %v, reason %q; want %v", f.Name, f.OK, f.Reason, errno)
		}
	}
	if len(refused) == 0 && (len(caps.Features) == 0 || strings.Contains(caps.String(), "function not implemented")) {
		t.Errorf("without a filter:\n%v", caps)
	}
}
