//go:build unix

package ward

import (
	"os"
	"syscall"

	"github.com/wardproc/ward/internal/lockorder"
	"github.com/wardproc/ward/internal/wait4"
)

// numbers is held for reading while a backend waits for a child or signals it by
// nothing but its number, and for writing while Wait4 takes a child by number: so a
// number is never used that is no longer its child's.
var numbers lockorder.RWMutex[lockorder.Numbers]

// waitByNumber returns the result of a child that is known by its number only:
// from Wait4 if that has taken it, or as tryWait4. The caller holds numbers for
// reading, and asks no more once there is a result.
func (p *process) waitByNumber() (*State, error) {
	if state := takenStatus(p); state != nil {
		return state, nil
	}
	return tryWait4(p.pid)
}

// tryWait4 wraps wait4(2), by number and without blocking. It returns ErrRunning,
// or ErrStatusLost if there is no such child. Of a child that this program traces
// wait4 returns stops, too: they are no exits.
func tryWait4(pid int) (*State, error) {
	if seenRunning(pid) {
		return nil, ErrRunning
	}
	s := &State{pid: pid, hasUsage: true}
	got, err := wait4.Try(pid, &s.status, &s.usage)
	switch {
	case err == syscall.ECHILD:
		return nil, ErrStatusLost
	case err != nil:
		return nil, os.NewSyscallError("wait4", err)
	case got == 0, !wait4.Ended(s.status):
		return nil, ErrRunning
	}
	return s, nil
}

// signalNumber wraps kill(2). The number is the child's own until it is reaped:
// gone, which is called first, reports whether it has been. The caller holds
// numbers for reading.
func signalNumber(pid int, sig os.Signal, gone func() bool) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return errStrangeSignal
	}
	if gone() {
		return processDone{}
	}
	err := syscall.Kill(pid, s)
	if err == syscall.ESRCH {
		return processDone{} // a thief was between, or the system finds no zombies
	}
	return os.NewSyscallError("kill", err)
}

const errStrangeSignal = unsupported("a signal that is no syscall.Signal")
