package wardtest

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Call is a system call, or those of its uses that have First as the first
// argument.
type Call struct {
	Number  uintptr
	ByFirst bool
	First   uint32
}

// Refuse makes the kernel answer calls with errno, in all threads of the
// program and in its children, until it ends: seccomp(2).
func Refuse(errno syscall.Errno, calls ...Call) error {
	return install(unix.SECCOMP_RET_ERRNO|uint32(errno), calls)
}

// Forbid makes the kernel kill a process that makes one of calls.
func Forbid(calls ...Call) error { return install(unix.SECCOMP_RET_KILL_PROCESS, calls) }

func install(action uint32, calls []Call) error {
	const (
		numberOffset = 0
		firstOffset  = 16 // of the low half on a little-endian machine
	)
	refuse := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	unlessEqual := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
	}
	var filter []unix.SockFilter
	for _, c := range calls {
		filter = append(filter, load(numberOffset))
		if c.ByFirst {
			filter = append(filter, unlessEqual(uint32(c.Number), 3), load(firstOffset), unlessEqual(c.First, 1), refuse)
		} else {
			filter = append(filter, unlessEqual(uint32(c.Number), 1), refuse)
		}
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl(PR_SET_NO_NEW_PRIVS)", err)
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, e := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if e != 0 {
		return fmt.Errorf("seccomp: %w", e)
	}
	return nil
}
