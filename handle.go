package ward

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/wardproc/ward/internal/lockorder"
)

// A Handle is a reference to one process. It never refers to another one,
// even when the process is gone and its number belongs to a stranger.
//
// Its methods may be called from any number of goroutines at once. They
// return an [*Error] that wraps the cause, but for the bare [ErrRunning] and
// a context's own error. The only implementation is the package's own; a type
// that embeds a Handle is one, too.
type Handle interface {
	// PID returns the process id. The number may belong to a stranger once
	// the process is gone: use it for reports, not for system calls.
	PID() int

	// Wait waits until the process is gone and returns how it ended: the same
	// State to every caller, any number of times, at once if it is known. If
	// ctx ends first, Wait returns ctx.Err() and the process goes on.
	// The error is [ErrStatusLost] when other code took the status and the
	// system does not give it again, and [ErrDescriptorLost] when other code
	// closed what the child is known by.
	Wait(ctx context.Context) (*State, error)

	// TryWait is Wait for a caller that will not wait: it returns [ErrRunning]
	// while the process runs.
	TryWait() (*State, error)

	// Done returns a channel that is closed once Wait has its result.
	Done() <-chan struct{}

	// Signal sends sig to the process. When the process is known to be gone
	// it makes no system call and returns an error that is
	// [os.ErrProcessDone] and, on Unix, syscall.ESRCH.
	Signal(sig os.Signal) error

	// Kill is Signal with [os.Kill].
	Kill() error

	// KillTree kills everything that Attr.Tree put together with the process,
	// also what is left of it after the process's own exit, where Attr.Tree says
	// so. When nothing is, it returns [os.ErrProcessDone]. Without Attr.Tree it
	// is errors.ErrUnsupported.
	KillTree() error

	// WithHandle calls f with the system's own handle of the process, valid
	// until f returns: on Linux a pidfd, on Windows a process handle. It returns
	// [os.ErrNoHandle] where the process is known by number only and
	// [os.ErrProcessDone] after the exit.
	WithHandle(f func(fd uintptr)) error

	// Close lets go of the process. It goes on, and it is still reaped when it
	// ends. Calls in progress end as they would have; later ones, PID and Done
	// apart, return [ErrClosed]. A handle that is not closed leaks nothing.
	Close() error

	core() *process
}

// process is the one implementation of [Handle]: the state machine that all
// backends share. A process runs until reap has a result, which is published
// once and never changes.
type process struct {
	pid  int
	done chan struct{} // closed when state and err are set for good

	// mu guards the fields below. It is held over calls of the backend, none
	// of which blocks or waits for another process: so a signal never meets a reaped
	// process, and a mux, which takes mu, hears of all exits in time.
	mu      lockorder.Mutex[lockorder.Process]
	backend backend // nil once it is closed
	state   *State
	err     error
	pins    int    // users of the backend's handle besides mu's holder
	sets    []*Set // to be told of the exit
	closed  bool

	tree       tree // nil without Attr.Tree
	treeClosed bool
	dropped    runtime.Cleanup // closes tree and backend of an unreachable process
}

func (p *process) core() *process { return p }

func (p *process) PID() int { return p.pid }

func (p *process) Done() <-chan struct{} { return p.done }

func (p *process) Wait(ctx context.Context) (*State, error) {
	if p.isClosed() {
		return nil, p.fail("wait", ErrClosed)
	}
	select {
	case <-p.done:
		return p.state, p.err
	default:
	}
	if ctx.Done() == nil {
		p.waitOnThread()
	}
	p.verify()
	select {
	case <-p.done:
	case <-ctx.Done():
		// The exit may have come first and its event not been heard yet.
		if !p.reapSoon() {
			return nil, ctx.Err()
		}
	}
	return p.state, p.err
}

func (p *process) TryWait() (*State, error) {
	if p.isClosed() {
		return nil, p.fail("wait", ErrClosed)
	}
	if !p.reapSoon() {
		return nil, ErrRunning
	}
	return p.state, p.err
}

func (p *process) Signal(sig os.Signal) error {
	err := p.signal(sig)
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, ErrDescriptorLost) {
		p.reap() // the backend may have noticed first
	}
	return p.fail("signal", err)
}

func (p *process) signal(sig os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case p.exited():
		return p.over()
	}
	return p.backend.signal(p, sig)
}

func (p *process) Kill() error { return p.Signal(os.Kill) }

func (p *process) KillTree() error {
	err := p.killTree()
	p.reap() // the tree may have noticed the exit first
	if err != nil {
		return p.fail("kill tree", err)
	}
	return nil
}

func (p *process) killTree() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case p.tree == nil:
		return unsupported("KillTree without Attr.Tree")
	case p.treeClosed:
		return p.over()
	}
	err := p.tree.kill(p)
	p.releaseTree()
	return err
}

func (p *process) WithHandle(f func(fd uintptr)) error {
	fd, err := p.pin()
	if errors.Is(err, ErrDescriptorLost) {
		p.reap()
	}
	if err != nil {
		return p.fail("handle", err)
	}
	defer p.unpin()
	f(fd)
	return nil
}

func (p *process) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return p.fail("close", ErrClosed)
	}
	p.closed = true
	p.releaseTree()
	return nil
}

func (p *process) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// pin returns the backend's handle and keeps it open until unpin.
func (p *process) pin() (uintptr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, ErrClosed
	}
	if p.exited() {
		return 0, p.over()
	}
	if b, ok := p.backend.(verifier); ok {
		if err := b.verify(p); err != nil {
			return 0, err
		}
	}
	fd, ok := p.backend.handle()
	if !ok {
		return 0, os.ErrNoHandle
	}
	p.pins++
	return fd, nil
}

func (p *process) unpin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pins--
	p.releaseBackend()
}

// exited reports whether the result is published. The caller holds mu.
func (p *process) exited() bool { return p.state != nil || p.err != nil }

// over is the error of a method that came after the result. The caller holds mu.
func (p *process) over() error {
	if errors.Is(p.err, ErrDescriptorLost) {
		return ErrDescriptorLost
	}
	return processDone{}
}

// verify makes sure that the exit will be heard of, and else asks for the result.
func (p *process) verify() {
	p.mu.Lock()
	var err error
	if b, ok := p.backend.(verifier); ok && !p.exited() {
		err = b.verify(p)
	}
	p.mu.Unlock()
	if err != nil {
		p.reap()
	}
}

// DescriptorLost is called by a mux: what it has watched is a stranger's.
func (p *process) DescriptorLost() {
	p.mu.Lock()
	if b, ok := p.backend.(loser); ok && !p.exited() {
		b.lost(p)
	}
	p.mu.Unlock()
	p.reap()
}

// ExitHeard is called by a mux: the exit of the process was heard. status is the
// wait status if it is known.
func (p *process) ExitHeard(status uint32, known bool) {
	p.mu.Lock()
	if b, ok := p.backend.(hearer); ok && !p.exited() {
		b.heard(status, known)
	}
	p.mu.Unlock()
	p.reap()
}

// supersede ends a process whose number is another child's by now: other code
// must have reaped it.
func (p *process) supersede() {
	p.mu.Lock()
	if b, ok := p.backend.(superseder); ok && !p.exited() {
		b.supersede()
	}
	p.mu.Unlock()
	p.reap()
}

// reap asks the backend for the result, publishes it when there is one, and
// reports whether there is one. It never blocks.
func (p *process) reap() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reapHeld()
}

// reapHeld is reap for a caller that holds mu.
func (p *process) reapHeld() bool {
	if p.exited() {
		return true
	}
	state, err := p.backend.reap(p)
	if errors.Is(err, ErrRunning) {
		return false
	}
	if err != nil {
		state, err = nil, p.fail("wait", err)
	}
	children.remove(p)
	p.state, p.err = state, err
	p.backend.exited()
	p.releaseTree()
	p.releaseBackend()
	// The sets come first: who sees done may end the next process at once, and
	// that one must not get before this one.
	for _, s := range p.sets {
		s.exited(p)
	}
	p.sets = nil
	close(p.done)
	return true
}

// reapSoon is reap for a caller that may wait for some milliseconds. A result that
// another process is to give is there by then, unless somebody has stopped that.
func (p *process) reapSoon() bool {
	if p.reap() {
		return true
	}
	var patience time.Duration
	p.mu.Lock()
	if b, ok := p.backend.(asker); ok && !p.exited() {
		patience = b.patience()
	}
	p.mu.Unlock()
	if patience <= 0 {
		return false
	}
	select {
	case <-p.done:
		return true
	case <-time.After(patience):
		return false
	}
}

// releaseBackend closes the backend once nothing needs it. The caller holds mu.
func (p *process) releaseBackend() {
	_, treeUsesIt := p.tree.(backendUser)
	treeNeedsIt := treeUsesIt && !p.treeClosed
	if p.exited() && p.pins == 0 && !treeNeedsIt && p.backend != nil {
		p.backend.close()
		p.backend = nil
	}
}

// releaseTree closes the tree of an exited process once KillTree is of no more
// use. The caller holds mu.
func (p *process) releaseTree() {
	if p.tree == nil || p.treeClosed || !p.exited() {
		return
	}
	if p.closed || p.tree.gone(p) {
		p.treeClosed = true
		p.dropped.Stop()
		p.tree.close()
		p.releaseBackend()
	}
}

// notify has s told of the exit, at once if it has been.
func (p *process) notify(s *Set) {
	p.mu.Lock()
	done := p.exited()
	if !done {
		p.sets = append(p.sets, s)
	}
	p.mu.Unlock()
	if done {
		s.exited(p)
	}
}

// onThread is held by the one wait that may spend a thread.
var onThread lockorder.Mutex[lockorder.OnThread]

// callsOfStart is how many are under way.
var callsOfStart atomic.Int32

// waitOnThread waits in a system call of its own, for some milliseconds at the
// most, if nothing else is going on. The kernel wakes a thread that waits
// sooner than the Go scheduler wakes a goroutine, so that children one at a
// time take a quarter less; but beside other starts the thread would cost more
// than it gives. One such wait at a time keeps the number of threads constant,
// and the time limit gives the place back from a long one.
func (p *process) waitOnThread() {
	if callsOfStart.Load() > 0 || !onThread.TryLock() {
		return
	}
	defer onThread.Unlock()
	p.mu.Lock()
	b, ok := p.backend.(blocker)
	if ok {
		p.pins++
	}
	p.mu.Unlock()
	if ok {
		defer p.unpin()
		b.block(p)
	}
}

func (p *process) fail(op string, err error) error {
	return &Error{Op: op, PID: p.pid, Err: err}
}

// A backend is one child as one mechanism of the system sees it. The process
// that owns it, p, holds its mutex over all calls but block, and makes none after
// close. A backend does not refer to its process once that has exited.
type backend interface {
	// reap returns the result, or ErrRunning. It must not block, nor wait for
	// anything that another process can delay.
	reap(p *process) (*State, error)

	// signal must not block. It reaches this child or nobody, and returns
	// processDone if it sees that the child is gone.
	signal(p *process, sig os.Signal) error

	// handle returns the system's handle, if the mechanism has one.
	handle() (uintptr, bool)

	// exited is called once the result is published. It gives back whatever a
	// live child holds in this program.
	exited()

	// close closes the handle, which WithHandle and the tree may have needed
	// for longer. It comes after exited.
	close()
}

// A hearer is a backend that keeps what a mux has heard.
type hearer interface {
	heard(status uint32, known bool)
}

// A superseder is a backend that can be told that the child's number is another
// child's.
type superseder interface{ supersede() }

// A verifier is a backend whose descriptors other code may have closed. verify makes
// sure that the exit will be heard of, and returns an error if it will not: then
// reap has a result.
type verifier interface{ verify(p *process) error }

// A loser is a backend that can go on when its watch is lost.
type loser interface{ lost(p *process) }

// An asker is a backend whose result comes from another process. patience is how much
// longer that usually takes at most, and 0 if there is nothing to wait for.
type asker interface{ patience() time.Duration }

// A blocker is a backend that can wait on a thread. block returns when the
// child has exited, and has been reaped, or after some milliseconds. It is called
// without the process's mutex.
type blocker interface {
	block(p *process)
}

// A tree is what Attr.Tree put together with a process, which owns it like its
// backend and may keep both after the exit.
type tree interface {
	// kill kills all members.
	kill(p *process) error

	// gone reports whether kill has been called or would find nothing.
	gone(p *process) bool

	// close lets go of the members.
	close()
}

// A backendUser is a tree that goes by the backend's handle, which the process then
// keeps open for as long as the tree.
type backendUser interface{ usesBackend() }
