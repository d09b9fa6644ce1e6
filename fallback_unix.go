//go:build unix

package ward

import (
	"io/fs"
	"maps"
	"os"
	"slices"
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
	table.needSweeper()
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

func (b *numbered) supersede() {
	if b.result == nil {
		b.result = func() (*State, error) { return nil, ErrStatusLost }
	}
}

func (b *numbered) handle() (uintptr, bool) { return 0, false }

func (b *numbered) close() {
	b.lifeline.Close()
	b.release()
}

// The sweeper goes through the reap table while it has an entry: it tries to
// reap every child, soon after a SIGCHLD and every sweepInterval.
const sweepLinger = 50 * time.Millisecond // without a child

// needSweeper starts the sweeper if there is none.
func (t *reapTable) needSweeper() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.empty == nil && len(t.children) > 0 {
		t.empty = make(chan struct{}, 1)
		go t.sweeper(t.empty)
	}
}

// sweeper sweeps until the table has been empty for sweepLinger.
func (t *reapTable) sweeper(empty <-chan struct{}) {
	var r rounds
	defer r.listen()()
	for {
		if r.due(empty) {
			r.round(t.sweep)
			continue
		}
		time.Sleep(sweepLinger)
		if t.stopSweeper() {
			return
		}
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

// stopSweeper tells the sweeper to stop, if there is nothing left for it.
func (t *reapTable) stopSweeper() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.children) > 0 {
		return false
	}
	t.empty = nil
	return true
}
