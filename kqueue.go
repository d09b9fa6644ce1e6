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

// kqueue is the backend for Darwin and, as the second choice, FreeBSD: a child
// known by its number, whose exit EVFILT_PROC tells. It shares with the fallback
// what a number can and cannot do.
//
// The event is no more than a hint that carries the status. It may come before
// the child can be waited for, and where the child was about to exit when it
// was registered, it may be refused (ESRCH). So each registration and each
// event is followed by wait4 without blocking and, where that finds the child
// running, by more of them from a timer, never on the goroutine of exits.
type kqueue struct {
	watchID mux.ID
	armed   bool // the event will come
	urgent  bool // checks go on until there is a result
	event   exitEvent
	result  func() (*State, error) // nil until there is one
	stolen  time.Time              // when wait4 said that there is no such child, if it did
	checks  *time.Timer            // nil before watch and after the exit
	pause   time.Duration          // between checks
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

func startKqueue(name string, argv []string, attr *Attr) (*process, error) {
	if err := attr.terminalError(name); err != nil {
		return nil, err
	}
	if err := exits.Reserve(); err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	sysattr := attr.procAttr()
	closeNull, err := openNull(sysattr)
	if err != nil {
		exits.Release()
		return nil, err
	}
	defer closeNull()
	var pid int
	_, err = arrange(attr.Sys, func() (err error) {
		pid, _, err = syscall.StartProcess(name, argv, sysattr)
		return err
	})
	if err != nil {
		exits.Release()
		return nil, &fs.PathError{Op: startOp, Path: name, Err: err}
	}
	b := &kqueue{pause: firstCheck}
	p := newProcess(pid, b)
	if attr.Tree {
		p.tree = &group{signal: b.signalNumber}
	}
	err = p.adopt(func() error { b.watch(p); return nil }, nil)
	p.reap()
	return p, err
}

// watch registers the child. Whatever comes of it, the checks find the exit.
func (b *kqueue) watch(p *process) {
	var err error
	b.watchID, err = exits.WatchNumber(p.pid, p)
	b.armed = err == nil
	b.checks = time.AfterFunc(b.pause, func() { b.check(p) })
}

// heard has the checks begin again: wait4 may not find the exit yet.
func (b *kqueue) heard(status uint32, known bool) {
	b.event = newExitEvent(status, known)
	b.hurry()
}

// verify: the child is known by its number, so that nothing but the kqueue can be
// lost. What is not heard of a new one the checks find.
func (b *kqueue) verify(*process) error {
	exits.Verify()
	return nil
}

// lost: the kqueue that took the place of a lost one has not taken the child.
func (b *kqueue) lost(*process) {
	b.armed = false
	b.hurry()
}

// hurry has the checks begin again, and go on until there is a result.
func (b *kqueue) hurry() {
	b.urgent = true
	b.pause = checkAfter
	b.checks.Reset(b.pause)
}

// check is called by the timer.
func (b *kqueue) check(p *process) {
	if p.reap() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	enough := b.armed && !b.urgent && b.pause == lastCheck
	if enough || p.exited() {
		return
	}
	b.pause = min(2*b.pause, lastCheck)
	b.checks.Reset(b.pause)
}

func (b *kqueue) reap(p *process) (*State, error) {
	numbers.RLock()
	defer numbers.RUnlock()
	return b.reapNumber(p)
}

// reapNumber is reap for a caller that holds numbers for reading.
func (b *kqueue) reapNumber(p *process) (*State, error) {
	if b.result == nil {
		state, err := b.look(p)
		if err == ErrRunning {
			return nil, err
		}
		b.result = func() (*State, error) { return state, err }
	}
	return b.result()
}

// look asks for the child by number until there once is no such child, and from
// then on waits for the event only: the number may be another child's.
func (b *kqueue) look(p *process) (*State, error) {
	if b.stolen.IsZero() {
		state, err := p.waitByNumber()
		if err != ErrStatusLost {
			return state, err
		}
		b.supersede()
	}
	if !b.armed && !b.event.heard {
		return nil, ErrStatusLost // no event will come
	}
	state, err := b.event.recover(p.pid)
	if err == ErrRunning && time.Since(b.stolen) > eventDelay {
		err = ErrStatusLost
	}
	return state, err
}

// supersede has the number not asked about again.
func (b *kqueue) supersede() {
	b.stolen = time.Now()
	b.hurry()
}

func (b *kqueue) signal(p *process, sig os.Signal) error {
	numbers.RLock()
	defer numbers.RUnlock()
	return b.signalNumber(p, sig)
}

// signalNumber is signal for a caller that holds numbers for reading.
func (b *kqueue) signalNumber(p *process, sig os.Signal) error {
	return signalNumber(p.pid, sig, func() bool {
		_, err := b.reapNumber(p)
		return err != ErrRunning || !b.stolen.IsZero()
	})
}

func (b *kqueue) handle() (uintptr, bool) { return 0, false }

func (b *kqueue) exited() {
	b.checks.Stop()
	b.checks = nil // it refers to the process
	exits.Remove(b.watchID)
}

func (b *kqueue) close() {}

// kqueueCaps are the capabilities of the kqueue backend.
func kqueueCaps(set settings, event string) Caps {
	caps := Caps{Backend: "kqueue", Spawn: "std", Tier: TierRecoverable}
	var err error
	if set.recover == "off" {
		err = unsupported("recovery with WARDDEBUG=recover=off")
		caps.Tier = TierDetectable
	}
	caps.Features = []Feature{feature(event, err)}
	return caps
}
