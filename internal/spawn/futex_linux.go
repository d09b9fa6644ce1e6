//go:build linux && (amd64 || arm64)

package spawn

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The operations of futex(2), for futexes that processes share.
const (
	opWait = 0
	opWake = 1
)

// futexWait waits while *word has the value, or until somebody wakes it, or for
// the time limit if there is one.
func futexWait(word *uint32, value uint32, limit *time.Duration) {
	var timeout *unix.Timespec
	if limit != nil {
		spec := unix.NsecToTimespec(int64(*limit))
		timeout = &spec
	}
	syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), opWait, uintptr(value), uintptr(unsafe.Pointer(timeout)), 0, 0)
}

// futexWake wakes the one that waits.
func futexWake(word *uint32) {
	syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), opWake, 1, 0, 0, 0)
}
