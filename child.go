//go:build unix || windows

package ward

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"syscall"

	"github.com/wardproc/ward/internal/spawn"
)

// What the start of each backend does before and after it makes the child.

// standardFiles is how many descriptors are the null device if they are not given.
const standardFiles = 3

// procAttr is attr in the form that syscall.StartProcess takes.
func (a *Attr) procAttr() *syscall.ProcAttr {
	own := new(struct {
		attr  syscall.ProcAttr
		files [standardFiles + 1]uintptr // usually enough, also for a pipe
	})
	attr := &own.attr
	*attr = syscall.ProcAttr{Dir: a.Dir, Env: a.Env, Sys: a.Sys, Files: own.files[:0]}
	if attr.Env == nil {
		attr.Env = os.Environ()
	}
	for i, f := range a.Files {
		fd := ^uintptr(0)
		switch {
		case f == nil && i < standardFiles:
			fd = spawn.Null
		case f != nil && f != Closed:
			fd = f.Fd()
		}
		attr.Files = append(attr.Files, fd)
	}
	for len(attr.Files) < standardFiles {
		attr.Files = append(attr.Files, spawn.Null)
	}
	return attr
}

// openNull opens the null device for those who do not do it in the child. release is to
// be called after the start. Where there is none, it leaves the child without.
func openNull(attr *syscall.ProcAttr) (release func(), err error) {
	release = func() {}
	if !slices.Contains(attr.Files, spawn.Null) {
		return release, nil
	}
	fd := ^uintptr(0)
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	switch {
	case err == nil:
		fd = f.Fd()
		release = func() { f.Close() }
	case !errors.Is(err, fs.ErrNotExist):
		return nil, &Error{Op: "start", Err: err}
	}
	for i, file := range attr.Files {
		if file == spawn.Null {
			attr.Files[i] = fd
		}
	}
	return release, nil
}

func newProcess(pid int, b backend) *process {
	return &process{pid: pid, backend: b, done: make(chan struct{})}
}

// adopt ends a start: the child becomes known, and watch has its exit heard of. If
// watch fails, abandon kills the child, as nobody is to hear of it, and finish waits
// for its end, which may take time; abandon may be nil for a watch that cannot fail.
func (p *process) adopt(watch func() error, abandon func() (finish func())) error {
	p.mu.Lock() // the exit may be heard of before watch is over
	older := children.add(p)
	claimTaken(p)
	err := watch()
	var finish func()
	switch {
	case err != nil:
		finish = abandon()
		p.backend, p.err = nil, err // for an ExitHeard that waits for the lock
	case p.tree != nil && !p.treeClosed: // as it is if the child has ended by now
		p.dropped = runtime.AddCleanup(p, resources.close, p.resources())
	}
	p.mu.Unlock()
	if older != nil {
		older.supersede()
	}
	if err != nil {
		finish()
		children.remove(p)
		return p.fail("start", err)
	}
	return nil
}

// resources are what a process holds after its exit for KillTree. They do not refer
// to the process, which so may become unreachable.
type resources struct {
	tree    tree
	backend backend // nil if the tree does not use it
}

func (p *process) resources() resources {
	r := resources{tree: p.tree}
	if _, ok := p.tree.(backendUser); ok {
		r.backend = p.backend
	}
	return r
}

func (r resources) close() {
	r.tree.close()
	if r.backend != nil {
		r.backend.close()
	}
}

// add makes a new child known, before anything can reap it. It returns the one
// that had the number before, which is to be superseded.
func (t *reapTable) add(p *process) (older *process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	older = t.byPID[p.pid]
	if t.byPID == nil {
		t.byPID = make(map[int]*process)
	}
	t.byPID[p.pid] = p
	return older
}
