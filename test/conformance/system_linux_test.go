package conformance_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

var pidLine = regexp.MustCompile(`(?m)^Pid:\s*(-?\d+)$`)

// TestHandleIsThePidfdUntilWithHandleReturns looks at /proc/self/fdinfo: a pidfd
// has the number of its process, and -1 once that is reaped.
func TestHandleIsThePidfdUntilWithHandleReturns(t *testing.T) {
	if !hasHandle() {
		t.Skip("no pidfd on this backend")
	}
	selftest.NeedProc(t)
	h := childtest.StartHeld(t)
	pid := func(fd uintptr) string {
		info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
		if err != nil {
			t.Fatal(err)
		}
		if m := pidLine.FindSubmatch(info); m != nil {
			return string(m[1])
		}
		return "none"
	}
	err := h.WithHandle(func(fd uintptr) {
		if got := pid(fd); got != fmt.Sprint(h.PID()) {
			t.Errorf("descriptor %d is of process %s, want %d", fd, got, h.PID())
		}
		if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("fcntl(F_GETFD) = %#x, %v; want FD_CLOEXEC", flags, err)
		}
		h.Release()
		<-h.Done()
		if got := pid(fd); got != "-1" {
			t.Errorf("descriptor %d is of process %s after the exit, want -1", fd, got)
		}
	})
	if err != nil {
		t.Error(err)
	}
}
