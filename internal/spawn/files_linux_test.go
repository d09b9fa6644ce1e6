//go:build amd64 || arm64

package spawn

import (
	"runtime"
	"testing"

	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

// Without /proc a pidfd tells the same.
func TestPidfdTellsThePIDNamespaceOfChildrenAsProcDoes(t *testing.T) {
	selftest.NeedProc(t)
	compare := func(t *testing.T) {
		t.Helper()
		if got, want := pidNamespaceElsewhereByPidfd(), pidNamespaceElsewhere(); got != want {
			t.Errorf("by the pidfd: %v, by /proc: %v", got, want)
		}
	}
	if pidNamespaceElsewhereByPidfd() == errUntold {
		if !selftest.KernelBefore(6, 11) && selftest.Refusals()["pidfd_open"] == 0 {
			t.Error("the kernel should have it")
		}
		t.Skip("the pidfd of a thread does not tell its namespaces")
	}
	compare(t)
	t.Run("elsewhere", func(t *testing.T) {
		runtime.LockOSThread() // and never unlock it: the thread ends with the test
		if err := unix.Unshare(unix.CLONE_NEWPID); err != nil {
			t.Skipf("unshare(CLONE_NEWPID): %v", err)
		}
		if err := pidNamespaceElsewhere(); err != errElsewhere {
			t.Errorf("by /proc: %v", err)
		}
		compare(t)
	})
}
