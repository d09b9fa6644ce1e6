//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"runtime"
	"syscall"

	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

// Exited returns the pidfd of a child that is gone and reaped. It comes about in
// the standard library's way, which clone(2) is enough for.
func Exited() (pidfd int, err error) {
	fd, err := memoryFile(tinyprog.Exit(runtime.GOARCH))
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	_, _, err = syscall.StartProcess(fmt.Sprintf("/proc/self/fd/%d", fd), []string{"exit"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{PidFD: &pidfd},
	})
	if err != nil {
		return -1, err
	}
	for unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED, nil) == unix.EINTR {
	}
	return pidfd, nil
}
