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

// memoryFile returns a descriptor of a file in memory, which can be executed as
// it is not open for writing.
func memoryFile(text []byte) (int, error) {
	// vm.memfd_noexec (Linux 6.3) may want it said that it is executed.
	fd, err := unix.MemfdCreate("ward", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate("ward", unix.MFD_CLOEXEC)
	}
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
