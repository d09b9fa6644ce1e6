//go:build linux && (amd64 || arm64)

package spawn

import (
	"math"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// futexWait waits while *word has the value, or until somebody wakes it, or for
// the time limit if there is one: FUTEX_WAIT of futex(2), which between
// processes is not FUTEX_PRIVATE.
func futexWait(word *uint32, value uint32, limit *unix.Timespec) syscall.Errno {
	const wait = 0
	_, _, errno := syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), wait, uintptr(value), uintptr(unsafe.Pointer(limit)), 0, 0)
	return errno
}

// futexWake wakes all who wait for word.
func futexWake(word *uint32) {
	const wake = 1
	syscall.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), wake, math.MaxInt32)
}
