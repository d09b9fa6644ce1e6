//go:build unix

package ward

import (
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/mux"
)

// numbered is the fallback backend, for any Unix: a child known by its number.
// The child holds the write end of a pipe, so its exit shows as end of file.
// That is a hint only: it comes early if the child closes the pipe and late if
// a grandchild keeps it. The reap table's sweeps are the net under it.
//
// The number stays the child's own until it is reaped, so signal and reap are
// never under way together. What this backend cannot rule out is a thief: it
// notices the loss, unless the system has given the number to another child of
// this program in the meantime, which takes a whole round of pid_max.
type numbered struct {
	process  *process
	lifeline *os.File // the read end of the pipe
	release  func()   // gives back what launch holds
	result   func() (*State, error)
}

func startFallback(name string, argv []string, attr *Attr) (*process, error) {
	if err := mux.ReservePoller(); err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	defer w.Close()
	sysattr := attr.procAttr()
	for len(sysattr.Files) < 3 {
		sysattr.Files = append(sysattr.Files, ^uintptr(0))
	}
	sysattr.Files = append(sysattr.Files, w.Fd())
	var pid int
	release, err := launch(attr.Sys, func() (err error) {
		pid, _, err = syscall.StartProcess(name, argv, sysattr)
		return err
	})
	if err != nil {
		r.Close()
		release()
		return nil, &fs.PathError{Op: "fork/exec", Path: name, Err: err}
	}
	b := &numbered{lifeline: r, release: release}
	p := newProcess(pid, b)
	if attr.Tree {
		p.tree = &group{leader: p}
	}
	b.process = p
	table.add(p)
	go b.listen()
	return p, nil
}

// listen waits for the end of file. The file is closed before the child can be
// waited for, so a few short pauses follow; a child that goes on without the
// pipe is left to the sweeps.
func (b *numbered) listen() {
	b.lifeline.Read(make([]byte, 1)) // or close ends it
	for pause := 10 * time.Microsecond; pause < 50*time.Millisecond; pause *= 2 {
		if b.process.reap() {
			return
		}
		time.Sleep(pause)
	}
}

func (b *numbered) reap() (*State, error) {
	if b.result == nil {
		state, err := waitNumber(b.process.pid)
		if err == ErrRunning {
			return nil, err
		}
		b.result = func() (*State, error) { return state, err }
	}
	return b.result()
}

func (b *numbered) signal(sig os.Signal) error {
	return signalNumber(b.process.pid, sig, func() bool {
		_, err := b.reap()
		return err != ErrRunning
	})
}

func (b *numbered) handle() (uintptr, bool) { return 0, false }

func (b *numbered) close() {
	b.lifeline.Close()
	table.remove(b.process)
	b.release()
}

// table is the reap table of the fallback backend: pid to process. While it
// has an entry, a goroutine sweeps it: it tries to reap every child, soon after
// a SIGCHLD and every sweepInterval.
var table reapTable

const (
	sweepInterval = time.Second
	sweepLinger   = 50 * time.Millisecond // of the goroutine, without a child
)

type reapTable struct {
	mu       sync.Mutex // guards the fields below; no process's mu is taken under it
	children map[int]*process
	empty    chan struct{} // tells the sweeper, if there is one
}

func (t *reapTable) add(p *process) {
	t.mu.Lock()
	old := t.children[p.pid]
	if t.children == nil {
		t.children = make(map[int]*process)
	}
	t.children[p.pid] = p
	if t.empty == nil {
		t.empty = make(chan struct{}, 1)
		go t.sweeper(t.empty)
	}
	t.mu.Unlock()
	if old != nil {
		old.supersede()
	}
}

// supersede ends a process whose number now is another child's: other code
// must have reaped it.
func (p *process) supersede() {
	p.mu.Lock()
	if b, ok := p.backend.(*numbered); ok && b.result == nil {
		b.result = func() (*State, error) { return nil, ErrStatusLost }
	}
	p.mu.Unlock()
	p.reap()
}

func (t *reapTable) remove(p *process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.children[p.pid] != p {
		return
	}
	delete(t.children, p.pid)
	if len(t.children) == 0 {
		select {
		case t.empty <- struct{}{}:
		default:
		}
	}
}

// sweeper sweeps until the table has been empty for sweepLinger.
func (t *reapTable) sweeper(empty <-chan struct{}) {
	hint := make(chan os.Signal, 1)
	// A program that ignores SIGCHLD has its children reaped by the kernel.
	// Notify would end that for all of them.
	if !signal.Ignored(syscall.SIGCHLD) {
		signal.Notify(hint, syscall.SIGCHLD)
		defer signal.Stop(hint)
	}
	var heard <-chan os.Signal // hint, but nil during a rest
	rest := time.After(0)
	for {
		select {
		case <-rest:
			heard = hint
			continue
		case <-empty:
			time.Sleep(sweepLinger)
			if t.end() {
				return
			}
			continue
		case <-heard:
		case <-time.After(sweepInterval):
		}
		begin := time.Now()
		t.sweep()
		// Most hints are for a child whose pipe has told already. A rest in
		// proportion keeps thousands of them from sweeping thousands each.
		heard, rest = nil, time.After(20*time.Since(begin))
	}
}

func (t *reapTable) sweep() {
	t.mu.Lock()
	children := slices.AppendSeq(make([]*process, 0, len(t.children)), maps.Values(t.children))
	t.mu.Unlock()
	for _, p := range children {
		p.reap()
	}
}

// end tells the sweeper to stop, if there is nothing left for it.
func (t *reapTable) end() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.children) > 0 {
		return false
	}
	t.empty = nil
	return true
}
