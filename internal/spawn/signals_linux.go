//go:build linux && (amd64 || arm64)

package spawn

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	firstSignal = unix.Signal(1)
	lastSignal  = unix.Signal(64)
	maskSize    = unsafe.Sizeof(uint64(0))
)

// sigaction is the kernel's struct, which rt_sigaction(2) reads.
type sigaction struct{ handler, flags, restorer, mask uint64 }

// What a child can be told to do with a signal: the values of SIG_DFL and
// SIG_IGN.
var byDefault, toIgnore = sigaction{handler: 0}, sigaction{handler: 1}

// setAction appends a step that has a signal ignored, or not.
func (p *program) setAction(sig unix.Signal, ignore bool) {
	action := &byDefault
	if ignore {
		action = &toIgnore
	}
	p.add("rt_sigaction", wantSuccess, unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(action)), 0, maskSize)
}

// resetHandled appends what CLONE_CLEAR_SIGHAND of clone3(2) does: a handler must not run
// between the step that restores the signal mask and the exec.
func (p *program) resetHandled() {
	var action sigaction
	for sig := firstSignal; sig <= lastSignal; sig++ {
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&action)), maskSize, 0, 0)
		if errno == 0 && action.handler > toIgnore.handler {
			p.setAction(sig, false)
		}
	}
}

// ignores asks the kernel, which knows more than package os/signal.
func ignores(sig unix.Signal) bool {
	var action sigaction
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&action)), maskSize, 0, 0)
	return errno == 0 && action.handler == toIgnore.handler
}
