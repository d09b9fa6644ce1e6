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

// childLimit returns the RLIMIT_NOFILE of a child that package syscall starts.
func childLimit() (limit unix.Rlimit, err error) {
	fd, err := memoryFile(tinyprog.Pause(runtime.GOARCH))
	if err != nil {
		return limit, err
	}
	defer unix.Close(fd)
	// The child dies with the program, and so with the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var pidfd int
	pid, _, err := syscall.StartProcess(fmt.Sprintf("/proc/self/fd/%d", fd), []string{"pause"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{PidFD: &pidfd, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return limit, err
	}
	defer reap(pidfd, 0)
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
