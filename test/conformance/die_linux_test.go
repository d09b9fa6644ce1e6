package conformance_test

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fatalSignals are those that end a process by default: signal(7).
var fatalSignals = func() []syscall.Signal {
	var fatal []syscall.Signal
	for n := 1; n <= 64; n++ {
		switch s := syscall.Signal(n); s {
		case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGSTOP, syscall.SIGTSTP,
			syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGURG, syscall.SIGWINCH:
		case 32, 33: // the C library's own
		default:
			fatal = append(fatal, s)
		}
	}
	return fatal
}()

// dieOf ends the process by s. The Go runtime handles most signals, and the
// process may have inherited others as ignored, so the default comes first.
func dieOf(s syscall.Signal) {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) // no core file
	var action [64]byte                          // of zeros: SIG_DFL
	syscall.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	for {
		syscall.Kill(syscall.Getpid(), s)
	}
}
