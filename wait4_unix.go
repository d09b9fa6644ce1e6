//go:build unix

package ward

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/mux"
	"github.com/wardproc/ward/internal/wait4"
)

// Wait4 is syscall.Wait4 for programs that wait for any child, as a loop over
// wait4(-1) does: it never returns a child that a [Handle] owns. When it meets
// one that has exited it sees to it that the handle has the status, resource
// usage included, and looks further. All else it returns as wait4(2) does:
// arguments, results (-1 with an error) and errors are those of syscall.Wait4,
// and children of os/exec are like any others to it.
//
// To the caller it is as if other threads of the program waited for the
// children of handles. Those that wait4(2) sees count as children: with WNOHANG
// the result is 0 while one runs, and ECHILD only when no child at all is left. It
// sees none of a keeper's, though with __WALL or __WCLONE the keeper, which is not
// returned either; and on FreeBSD none with a process descriptor, unless it asks
// by number or group: see Attr.Private.
//
// That children of handles stop or continue (WUNTRACED, WCONTINUED, and without
// these what ptrace(2) reports) is reported to nobody: who traces one waits for it
// by syscall.Wait4, and not beside a loop over Wait4(-1).
//
// A child that exits while the Start that makes it is under way is its handle's,
// too. For that Wait4 may wait, also with WNOHANG, until the starts of that
// moment are over: a fraction of a millisecond, and not more than a second for
// each child. A Start that is late by a second, though its child has exited, loses
// nothing, but Wait4 may return that child as well. (A Start that hangs on the file
// system of its program has a child that runs.)
//
// On Linux 5.4 and later Wait4 looks at an exited child, holds it by a pidfd, and
// takes it when it is known to be nobody's. On other Unix systems, and where
// pidfds are refused, it takes the child first; the handles wait and signal
// before or after, never meanwhile, and get the status handed over. There it may
// also return the child of a Start that fails, or with which the package has only
// tried something.
func Wait4(pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage) (int, error) {
	got, err := waitForeign(pid, status, options, usage)
	if err != nil {
		return -1, err
	}
	return got, nil
}

// numbers is held for reading while a handle waits or signals, and for writing
// while Wait4 takes a child by number: a number is never used that is no more
// its child's.
var numbers sync.RWMutex

// startPatience is how long Wait4 and the Reaper wait for starts to be over.
const startPatience = time.Second

// waitByNumber is Wait4 by nothing but wait4(2): it takes a child and hands it
// over if it is a handle's.
func waitByNumber(pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage) (int, error) {
	got, err := takeForeign(pid, status, options|wait4.NoHang, usage, startPatience)
	if got != 0 || err != nil || options&wait4.NoHang != 0 {
		return got, err
	}
	if err := mux.ReservePoller(); err != nil { // for the timers
		return 0, syscall.EMFILE
	}
	hint := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGCHLD) {
		signal.Notify(hint, syscall.SIGCHLD)
		defer signal.Stop(hint)
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		got, err := takeForeign(pid, status, options|wait4.NoHang, usage, startPatience)
		if got != 0 || err != nil {
			return got, err
		}
		select {
		case <-hint:
		case <-time.After(pause): // signals are not counted
		}
	}
}

// takeForeign takes children, without blocking in the kernel, until one is no
// handle's. A start that may own it has some patience to say so.
func takeForeign(pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage, patience time.Duration) (int, error) {
	for {
		state, owner, starts, err := takeAny(pid, options)
		switch {
		case state == nil:
			return 0, err
		case owner != nil:
			owner.reap()
			continue
		case len(starts) > 0 && !unclaimed(state, starts, patience):
			continue
		}
		return state.copyTo(status, usage), nil
	}
}

// copyTo returns s as wait4(2) does.
func (s *State) copyTo(status *syscall.WaitStatus, usage *syscall.Rusage) (pid int) {
	if status != nil {
		*status = s.status
	}
	if usage != nil {
		*usage = s.usage
	}
	return s.pid
}

// takeAny takes one child and finds out whose it is.
func takeAny(pid, options int) (state *State, owner *process, starts []*cohort, err error) {
	numbers.Lock()
	defer numbers.Unlock()
	state = &State{hasUsage: true}
	state.pid, err = syscall.Wait4(pid, &state.status, options, &state.usage)
	if state.pid <= 0 {
		return nil, nil, nil, err
	}
	if !state.status.Exited() && !state.status.Signaled() {
		return state, table.child(state.pid), nil, nil // a stop, which nothing is to be done about
	}
	owner, starts = table.park(state)
	if owner != nil {
		owner.handed = state
	}
	return state, owner, starts, nil
}

// unclaimed waits for the starts under way and reports whether the child is none
// of theirs. One that is late still finds the status.
func unclaimed(state *State, starts []*cohort, patience time.Duration) bool {
	if await(starts, patience) {
		return table.unpark(state)
	}
	go func() {
		for _, c := range starts {
			<-c.over
		}
		table.unpark(state)
	}()
	return table.isParked(state)
}
