package conformance_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"golang.org/x/sys/unix"
)

func TestCallerOwnsThePidfdItAskedFor(t *testing.T) {
	pidfd := -1
	h := childtest.Start(t, &ward.Attr{Sys: &syscall.SysProcAttr{PidFD: &pidfd}}, "exit", "0")
	childtest.Wait(t, h)
	defer unix.Close(pidfd)
	poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 10_000); n != 1 || err != nil || poll[0].Revents&unix.POLLIN == 0 {
		t.Errorf("poll of descriptor %d: %d, %v, events %#x", pidfd, n, err, poll[0].Revents)
	}
}

func TestStartWithCredentialLeavesTheProgramDumpable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change its user")
	}
	// os/exec, in another test, may have left it off.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	childtest.Wait(t, childtest.Start(t, &ward.Attr{Sys: asNobody()}, "exit", "0"))
	if after, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); after != 1 {
		t.Errorf("dumpable is %d after the start", after)
	}
}
