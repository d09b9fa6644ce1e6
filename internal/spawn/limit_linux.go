//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/wardproc/ward/internal/tinyprog"
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
// itself: it starts a child in the standard way that does nothing, and looks at
// it.
func learnLimit() error {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	if now.Cur != now.Max-1 {
		return nil // what the runtime sets, it sets to just that
	}
	child, err := childLimit()
	if err != nil {
		return fmt.Errorf("finding out the original RLIMIT_NOFILE: %w", err)
	}
	if child != now {
		raised = child
	}
	return nil
}

// childLimit returns the RLIMIT_NOFILE of a child that package syscall starts.
func childLimit() (limit unix.Rlimit, err error) {
	fd, err := memoryFile(tinyprog.Pause(runtime.GOARCH))
	if err != nil {
		return limit, err
	}
	defer unix.Close(fd)
	var pidfd int
	pid, _, err := syscall.StartProcess(fmt.Sprintf("/proc/self/fd/%d", fd), []string{"pause"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{PidFD: &pidfd},
	})
	if err != nil {
		return limit, err
	}
	defer reap(pidfd)
	defer unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
	err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit)
	return limit, os.NewSyscallError("prlimit", err)
}

// memoryFile returns a descriptor of a file in memory, which can be executed as
// it is not open for writing.
func memoryFile(text []byte) (int, error) {
	fd, err := unix.MemfdCreate("ward", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, text); err != nil {
		return -1, os.NewSyscallError("write", err)
	}
	read, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return read, os.NewSyscallError("open", err)
}
