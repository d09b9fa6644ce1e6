//go:build unix

package ward

import (
	"io/fs"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/inheritable"
	"github.com/wardproc/ward/internal/lockorder"
	"github.com/wardproc/ward/internal/mux"
)

// fallback is the backend for any Unix: a child known by its number. The child
// holds the write end of a pipe, so its exit shows as end of file. That is a hint
// only: it comes early if the child closes the pipe and late if a grandchild keeps
// it. The sweeps of the reap table are the net under it.
//
// The number stays the child's own until it is reaped, so signal and reap are
// never under way together. What this backend cannot rule out is a thief: it
// notices the loss, unless the system has given the number to another child of
// this program in the meantime, which takes a whole round of pid_max.
type fallback struct {
	lifeline *os.File               // the read end of the pipe
	pipe     os.FileInfo            // what lifeline is, unless other code has closed it
	release  func()                 // gives back what arrange holds
	result   func() (*State, error) // nil until there is one
}

func startFallback(name string, argv []string, attr *Attr) (*process, error) {
	if err := attr.terminalError(name); err != nil {
		return nil, err
	}
	if err := mux.ReservePoller(); err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	defer w.Close()
	sysattr := attr.procAttr()
	closeNull, err := openNull(sysattr)
	if err != nil {
		r.Close()
		return nil, err
	}
	defer closeNull()
	given := len(sysattr.Files)
	addLifeline(sysattr, w, attr.InheritDescriptors)
	path, putBack := aside(name, given, sysattr.Files)
	defer putBack()
	var pid int
	release, err := arrange(attr.Sys, func() (err error) {
		pid, _, err = syscall.StartProcess(path, argv, sysattr)
		return err
	})
	if err != nil {
		r.Close()
		release()
		return nil, &fs.PathError{Op: startOp, Path: name, Err: err}
	}
	b := &fallback{lifeline: r, release: release}
	b.pipe, _ = r.Stat()
	p := newProcess(pid, b)
	if attr.Tree {
		p.tree = &group{signal: b.signalNumber}
	}
	return p, p.adopt(func() error { b.watch(p); return nil }, nil)
}

// addLifeline gives the child the pipe: as the first number after its files that is,
// if it inherits, of no descriptor that it is to have.
func addLifeline(sysattr *syscall.ProcAttr, w *os.File, inherits bool) {
	for inherits && inheritable.Is(len(sysattr.Files)) {
		sysattr.Files = append(sysattr.Files, uintptr(len(sysattr.Files))) // itself
	}
	sysattr.Files = append(sysattr.Files, w.Fd())
}

// watch has the exit noticed by the pipe and by the sweeps.
func (b *fallback) watch(p *process) {
	sweeps.add()
	go b.listen(p)
}

// listen waits for the end of file. The file is closed before the child can be
// waited for, so a few short pauses follow; a child that goes on without the
// pipe is left to the sweeps.
func (b *fallback) listen(p *process) {
	b.lifeline.Read(make([]byte, 1)) // or exited ends it
	for pause := 10 * time.Microsecond; pause < 50*time.Millisecond; pause *= 2 {
		if p.reap() {
			return
		}
		time.Sleep(pause)
	}
}

func (b *fallback) reap(p *process) (*State, error) {
	numbers.RLock()
	defer numbers.RUnlock()
	return b.reapNumber(p)
}

// reapNumber is reap for a caller that holds numbers for reading.
func (b *fallback) reapNumber(p *process) (*State, error) {
	if b.result == nil {
		state, err := p.waitByNumber()
		if err == ErrRunning {
			return nil, err
		}
		b.result = func() (*State, error) { return state, err }
	}
	return b.result()
}

func (b *fallback) signal(p *process, sig os.Signal) error {
	numbers.RLock()
	defer numbers.RUnlock()
	return b.signalNumber(p, sig)
}

// signalNumber is signal for a caller that holds numbers for reading.
func (b *fallback) signalNumber(p *process, sig os.Signal) error {
	return signalNumber(p.pid, sig, func() bool {
		_, err := b.reapNumber(p)
		return err != ErrRunning
	})
}

func (b *fallback) supersede() {
	if b.result == nil {
		b.result = func() (*State, error) { return nil, ErrStatusLost }
	}
}

func (b *fallback) handle() (uintptr, bool) { return 0, false }

// exited closes the pipe, and no other file that has its number because a stranger has
// closed the pipe. Nothing but time is lost by that: there are the sweeps.
func (b *fallback) exited() {
	if now, err := b.lifeline.Stat(); err == nil && os.SameFile(now, b.pipe) {
		b.lifeline.Close()
	} else {
		mux.Forsake(b.lifeline)
	}
	b.release()
	sweeps.remove()
}

func (b *fallback) close() {}

// sweeps go through the reap table while there is a child of this backend: each
// tries to reap every child. They come soon after a SIGCHLD and, without, every second
// to every five: see scanPacer.
var sweeps sweeper

type sweeper struct {
	mu       lockorder.Mutex[lockorder.Sweeps] // guards the fields below
	children int                               // of this backend
	idle     chan struct{}                     // says that there is none; nil if no sweeper runs
}

// add starts the sweeper if it does not run.
func (s *sweeper) add() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children++
	if s.idle == nil {
		s.idle = make(chan struct{}, 1)
		go s.run(s.idle)
	}
}

func (s *sweeper) remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.children--
	if s.children == 0 {
		select {
		case s.idle <- struct{}{}:
		default:
		}
	}
}

// run sweeps until there has been no child for mux.Linger.
func (s *sweeper) run(idle <-chan struct{}) {
	var pacer scanPacer
	defer pacer.listen()()
	for {
		if pacer.awaitNext(idle) {
			pacer.run(sweep)
			continue
		}
		time.Sleep(mux.Linger)
		if s.stop() {
			return
		}
	}
}

// stop reports whether there is nothing left to do, and then another sweeper may
// be started.
func (s *sweeper) stop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.children > 0 {
		return false
	}
	s.idle = nil
	return true
}

func sweep() (found bool) {
	for _, p := range children.all() {
		if p.reap() {
			found = true
		}
	}
	return found
}

// all returns the processes in the table.
func (t *reapTable) all() []*process {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.AppendSeq(make([]*process, 0, len(t.byPID)), maps.Values(t.byPID))
}
