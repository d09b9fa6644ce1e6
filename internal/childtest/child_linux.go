package childtest

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Nobody is a user whom RLIMIT_NPROC and the permissions of files bind.
const Nobody = 65534

// Tiny returns the path of a program that is in memory only.
func Tiny(image []byte) (path string, err error) {
	if image == nil {
		return "", fmt.Errorf("no tiny program for %s", runtime.GOARCH)
	}
	fd, err := unix.MemfdCreate("tiny", unix.MFD_CLOEXEC)
	if err != nil {
		return "", os.NewSyscallError("memfd_create", err)
	}
	if _, err := unix.Write(fd, image); err != nil {
		return "", os.NewSyscallError("write", err)
	}
	// Open for writing it cannot be executed: open it again.
	read, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", os.NewSyscallError("open", err)
	}
	unix.Close(fd)
	self, err := os.Readlink("/proc/self") // not Getpid: /proc may be of an outer pid namespace
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/proc/%s/fd/%d", self, read), nil
}

// IdleThreads makes the Go runtime start threads, which it keeps: later it
// could not, and would abort. LockOSThread has it start one of its own.
func IdleThreads(n int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { unix.Nanosleep(&unix.Timespec{Nsec: 20e6}, nil) })
	}
	wg.Wait()
}

// ParentOf returns the parent's pid of a process that exists, else 0.
func ParentOf(pid int) int {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}
