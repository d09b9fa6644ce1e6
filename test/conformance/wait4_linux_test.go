package conformance_test

import (
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("wait by number", func([]string) {
		childtest.NeedFilter(selftest.Refuse(syscall.EPERM, selftest.Call{Number: unix.SYS_PIDFD_OPEN}))
		waitForAll()
		waitForHandle()
	})
	selftest.Register("wait without descriptors", func([]string) {
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			childtest.Complain("%v", err)
		}
		pid := stranger(nil, nil, "exit", "6")
		limit.Cur = 0
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			childtest.Complain("%v", err)
		}
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			childtest.Complain("%v", err)
		}
		var status syscall.WaitStatus
		if _, err := unix.EpollCreate1(0); err != unix.EMFILE {
			childtest.Complain("epoll_create1: %v", err)
		}
		if _, err := ward.Wait4(pid, &status, 0, nil); err != nil || status.ExitStatus() != 6 {
			childtest.Complain("Wait4: %v, %#x", err, status)
		}
	})
}

func TestWait4WhereAFilterRefusesPidfdOpen(t *testing.T) {
	childtest.NeedBackend(t)
	if childtest.Private {
		t.Skip("no private children without pidfd_open")
	}
	childtest.Report(t, &ward.Attr{Sys: &syscall.SysProcAttr{Setpgid: true}}, "wait by number")
}

func TestWait4NeedsNoDescriptor(t *testing.T) {
	childtest.Report(t, nil, "wait without descriptors")
}
