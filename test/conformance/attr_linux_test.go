package conformance_test

import (
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"golang.org/x/sys/unix"
)

func TestCallerOwnsThePidfdItAskedFor(t *testing.T) {
	childtest.NeedPidfd(t)
	pidfd := -1
	h := childtest.Start(t, &ward.Attr{Sys: &syscall.SysProcAttr{PidFD: &pidfd}}, "exit", "0")
	childtest.Wait(t, h)
	defer unix.Close(pidfd)
	poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 10_000); n != 1 || err != nil || poll[0].Revents&unix.POLLIN == 0 {
		t.Errorf("poll of descriptor %d: %d, %v, events %#x", pidfd, n, err, poll[0].Revents)
	}
}
