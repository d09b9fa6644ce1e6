package conformance_test

import (
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

// fatalSignals returns those that end a process by default: signal(7). The first call
// starts children.
var fatalSignals = sync.OnceValue(func() []syscall.Signal {
	var fatal []syscall.Signal
	for n := 1; n <= 64; n++ {
		switch s := syscall.Signal(n); s {
		case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGSTOP, syscall.SIGTSTP,
			syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGURG, syscall.SIGWINCH:
		case 32, 33: // the C library's own
		case 63, 64: // qemu-user has two less, and children of these go on for good
			if endsChild(s) {
				fatal = append(fatal, s)
			}
		default:
			fatal = append(fatal, s)
		}
	}
	return fatal
})

// endsChild tries whether the signal ends a child of package os/exec.
func endsChild(s syscall.Signal) bool {
	path, argv, env := selftest.Command("die", strconv.Itoa(int(s)))
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env}
	if err := cmd.Start(); err != nil {
		return false
	}
	giveUp := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
	defer giveUp.Stop()
	cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == s
}

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
