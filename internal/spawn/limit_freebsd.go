//go:build amd64 || arm64

package spawn

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raised is the RLIMIT_NOFILE that this program was started with, if the Go
// runtime raised it: then a child gets the old one, as package syscall sees to
// by itself. The zero value is none.
var raised unix.Rlimit

// originalLimit sets limit to what the child is to have as RLIMIT_NOFILE, and
// reports whether that differs from the program's own. A limit that is not
// the one that the runtime set is the program's choice, and is inherited. Whether
// the program has chosen just that one cannot be known.
func originalLimit(limit *unix.Rlimit) bool {
	if raised.Max == 0 {
		return false
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil || now.Cur != raised.Max-1 || now.Max != raised.Max {
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
	child, err := stoppedLimit()
	if err != nil {
		return fmt.Errorf("finding out the original RLIMIT_NOFILE: %w", err)
	}
	if child != now {
		raised = child
	}
	return nil
}

// stoppedLimit returns the limit of a child that is stopped at its exec.
func stoppedLimit() (limit unix.Rlimit, err error) {
	self, err := os.Executable()
	if err != nil {
		return limit, err
	}
	pid, _, err := syscall.StartProcess(self, []string{"ward-limit"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return limit, err
	}
	defer endStopped(pid)
	raw, err := unix.SysctlRaw("kern.proc.rlimit", pid, unix.RLIMIT_NOFILE)
	if err != nil {
		return limit, os.NewSyscallError("sysctl(kern.proc.rlimit)", err)
	}
	if len(raw) != int(unsafe.Sizeof(limit)) {
		return limit, fmt.Errorf("sysctl(kern.proc.rlimit): %d bytes", len(raw))
	}
	return *(*unix.Rlimit)(unsafe.Pointer(&raw[0])), nil
}

// endStopped kills a traced child: ptrace(2). SIGKILL has no effect on a stopped
// one, and PT_CONTINUE gives EBUSY on one that is about to stop.
func endStopped(pid int) {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := ptraceContinue(pid, unix.SIGKILL); err != unix.EBUSY {
			break
		}
	}
	unix.Kill(pid, unix.SIGKILL)
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err != unix.EINTR && (err != nil || !status.Stopped()) {
			return
		}
	}
}

// ptraceContinue wraps ptrace(PT_CONTINUE) from where the process has stopped.
func ptraceContinue(pid int, signal syscall.Signal) error {
	const samePlace = 1
	_, _, errno := syscall.Syscall6(unix.SYS_PTRACE, unix.PT_CONTINUE, uintptr(pid), samePlace, uintptr(signal), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
