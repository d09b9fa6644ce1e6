package selftest

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Call is a system call, or those of its uses that have Value as their
// argument Arg, which is 1 for the first and 0 for whatever it is.
type Call struct {
	Number uintptr
	Arg    int
	Value  uint32
}

// Refuse makes the kernel answer calls with errno, in all threads of the
// program and in its children, until it ends: seccomp(2).
func Refuse(errno syscall.Errno, calls ...Call) error {
	if err := install(unix.SECCOMP_RET_ERRNO|uint32(errno), calls); err != nil {
		return err
	}
	for _, c := range calls {
		if got := c.answer(); got != errno {
			return fmt.Errorf("seccomp: call %d is answered with %v and not with %v", c.Number, got, errno)
		}
	}
	return nil
}

// answer makes the call with arguments that the kernel would find fault with.
func (c Call) answer() syscall.Errno {
	var args [7]uintptr
	for i := range args {
		args[i] = ^uintptr(0)
	}
	args[c.Arg] = uintptr(c.Value) // args[0] is none
	_, _, errno := syscall.RawSyscall6(c.Number, args[1], args[2], args[3], args[4], args[5], args[6])
	return errno
}

// Forbid makes the kernel kill a process that makes one of calls.
func Forbid(calls ...Call) error { return install(unix.SECCOMP_RET_KILL_PROCESS, calls) }

func install(action uint32, calls []Call) error {
	const (
		numberOffset = 0
		argsOffset   = 16 // 64 bits for each
	)
	low := uint32(0) // where the low half is
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		low = 4
	}
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
		if c.Arg > 0 {
			arg := argsOffset + 8*uint32(c.Arg-1) + low
			filter = append(filter, unlessEqual(uint32(c.Number), 3), load(arg), unlessEqual(c.Value, 1), refuse)
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
