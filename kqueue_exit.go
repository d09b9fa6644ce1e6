//go:build darwin || freebsd

package ward

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/mux"
)

// exits is the one kqueue that hears of all children.
var exits mux.Mux

// An exitEvent is what the kqueue has said of a child.
type exitEvent struct {
	heard  bool
	known  bool // status is the wait status
	status syscall.WaitStatus
}

func newExitEvent(status uint32, known bool) exitEvent {
	if set, _ := environment(); set.recover == "off" {
		known = false
	}
	return exitEvent{heard: true, known: known, status: syscall.WaitStatus(status)}
}

// recover returns the state of a child that other code has reaped.
func (e exitEvent) recover(pid int) (*State, error) {
	switch {
	case !e.heard:
		return nil, ErrRunning
	case !e.known:
		return nil, ErrStatusLost
	}
	return &State{pid: pid, status: e.status, recovered: true}, nil
}

// noted is the kqueue backend, for Darwin and, as the second choice, FreeBSD: a
// child known by its number, whose exit EVFILT_PROC tells. It shares with the
// fallback what a number can and cannot do.
//
// The event is no more than a hint that carries the status. It may come before
// the child can be waited for, and where the child was about to exit when it
// was registered, it may be refused (ESRCH). So each registration and each
// event is followed by wait4 without blocking and, where that finds the child
// running, by more of them from a timer, never on the goroutine of exits.
type noted struct {
	process *process
	watchID mux.ID
	armed   bool // the event will come
	urgent  bool // checks go on until there is a result
	event   exitEvent
	result  func() (*State, error)
	stolen  time.Time // when wait4 said that there is no such child, if it did
	checks  *time.Timer
	pause   time.Duration // between checks
}

const (
	firstCheck = time.Millisecond
	checkAfter = 100 * time.Microsecond // the event
	// lastCheck is the longest pause: the last of an armed child, which needs
	// none, and the one between all later ones of a child that is not armed.
	lastCheck = 512 * time.Millisecond
	// eventDelay is how long after a theft the event may come.
	eventDelay = time.Second
)

func startNoted(name string, argv []string, attr *Attr) (*process, error) {
	if err := exits.Reserve(); err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	sysattr := attr.procAttr()
	var pid int
	_, err := launch(attr.Sys, func() (err error) {
		pid, _, err = syscall.StartProcess(name, argv, sysattr)
		return err
	})
	if err != nil {
		exits.Release()
		return nil, &fs.PathError{Op: "fork/exec", Path: name, Err: err}
	}
	b := &noted{pause: firstCheck}
	p := newProcess(pid, b)
	if attr.Tree {
		p.tree = &group{leader: p}
	}
	b.process = p
	p.mu.Lock() // Exited, or a reap by Wait4, may come before arm is over
	table.add(p)
	b.arm(pid)
	p.mu.Unlock()
	p.reap()
	return p, nil
}

// arm registers the child. Whatever comes of it, the checks find the exit. The
// caller holds the process's mutex.
func (b *noted) arm(pid int) {
	var err error
	b.watchID, err = exits.WatchNumber(pid, b)
	b.armed = err == nil
	b.checks = time.AfterFunc(b.pause, b.check)
}

// Exited is called by exits.
func (b *noted) Exited(status uint32, known bool) {
	b.process.mu.Lock()
	b.event = newExitEvent(status, known)
	b.process.mu.Unlock()
	if b.process.reap() {
		return
	}
	b.process.mu.Lock()
	defer b.process.mu.Unlock()
	if !b.process.exited() {
		b.hurry()
	}
}

// hurry has the checks begin again, and go on until there is a result. The
// caller holds the process's mutex.
func (b *noted) hurry() {
	b.urgent = true
	b.pause = checkAfter
	b.checks.Reset(b.pause)
}

// check is called by the timer.
func (b *noted) check() {
	if b.process.reap() {
		return
	}
	b.process.mu.Lock()
	defer b.process.mu.Unlock()
	enough := b.armed && !b.urgent && b.pause == lastCheck
	if enough || b.process.exited() {
		return
	}
	b.pause = min(2*b.pause, lastCheck)
	b.checks.Reset(b.pause)
}

func (b *noted) reap() (*State, error) {
	if b.result == nil {
		state, err := b.wait()
		if err == ErrRunning {
			return nil, err
		}
		b.result = func() (*State, error) { return state, err }
	}
	return b.result()
}

// wait asks for the child by number until there once is no such child, and from
// then on waits for the event only: the number may be another child's.
func (b *noted) wait() (*State, error) {
	if b.stolen.IsZero() {
		state, err := waitNumber(b.process.pid)
		if err != ErrStatusLost {
			return state, err
		}
		b.supersede()
	}
	if !b.armed && !b.event.heard {
		return nil, ErrStatusLost // no event will come
	}
	state, err := b.event.recover(b.process.pid)
	if err == ErrRunning && time.Since(b.stolen) > eventDelay {
		err = ErrStatusLost
	}
	return state, err
}

// supersede has the number no more asked about.
func (b *noted) supersede() {
	b.stolen = time.Now()
	b.hurry()
}

func (b *noted) signal(sig os.Signal) error {
	return signalNumber(b.process.pid, sig, func() bool {
		_, err := b.reap()
		return err != ErrRunning || !b.stolen.IsZero()
	})
}

func (b *noted) handle() (uintptr, bool) { return 0, false }

func (b *noted) close() {
	b.checks.Stop()
	exits.Remove(b.watchID)
}

// notedCaps are the capabilities of the kqueue backend.
func notedCaps(set settings, event string) Caps {
	caps := Caps{Backend: "kqueue", Spawn: "std", Tier: TierRecoverable}
	var err error
	if set.recover == "off" {
		err = unsupported("recovery with WARDDEBUG=recover=off")
		caps.Tier = TierDetectable
	}
	caps.Features = []Feature{feature(event, err)}
	return caps
}
