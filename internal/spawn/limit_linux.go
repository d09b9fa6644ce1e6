//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// raised is the RLIMIT_NOFILE that this program was started with, if the Go
// runtime raised it: then a child gets the old one, as package syscall sees to
// by itself. The zero value is none.
var raised unix.Rlimit

// originalLimit sets limit to what the child is to have as RLIMIT_NOFILE, and
// reports whether that differs from the program's own. A limit that is not
// the one that the runtime set is the program's choice, and is inherited: this
// is package syscall's own test for it.
func originalLimit(limit *unix.Rlimit) bool {
	if raised.Max == 0 {
		return false
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err == nil && (now.Cur != raised.Max-1 || now.Max != raised.Max) {
		return false
	}
	*limit = raised
	return true
}

// learnLimit finds out the original limit, which package syscall keeps to
// itself: it starts a child in the standard way that is stopped at its exec,
// and looks at it.
func learnLimit() error {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	if now.Cur != now.Max-1 {
		return nil // what the runtime sets, it sets to just that
	}
	runtime.LockOSThread() // the thread is the child's tracer
	defer runtime.UnlockOSThread()
	pidfd := -1
	pid, _, err := syscall.StartProcess("/proc/self/exe", []string{"ward-limit"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{Ptrace: true, PidFD: &pidfd},
	})
	if err != nil {
		return fmt.Errorf("finding out the original RLIMIT_NOFILE: %w", err)
	}
	defer func() {
		unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
		for unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED, nil) == unix.EINTR {
		}
		unix.Close(pidfd)
	}()
	var child unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &child); err != nil {
		return os.NewSyscallError("prlimit", err)
	}
	if child != now {
		raised = child
	}
	return nil
}
