package ward

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/spawn"
)

// privateWorks returns an error where the system has no private children.
func privateWorks(set settings) error {
	switch {
	case !usePidfd(set):
		return unsupported("Attr.Private without pidfds")
	case set.spawn == "std":
		return unsupported("Attr.Private with WARDDEBUG=spawn=std")
	}
	err := spawn.Works()
	if probe.Refused(err) && pidfds.Clones() != nil {
		return unsupported("Attr.Private without pidfds")
	}
	if probe.Refused(err) {
		return fmt.Errorf("Attr.Private: no spawn programs (Linux 5.9 on amd64 or arm64): %w (%w)", errors.ErrUnsupported, err)
	}
	return err
}

// private returns how to start a child that no wait in this program sees: one
// that the kernel reaps, or before Linux 7.1 one that has a parent of its own. So has a
// child that changes its ids, as CLONE_AUTOREAP excludes the CLONE_PARENT that it needs.
func (b *pidfd) private(sys *syscall.SysProcAttr) (spawner, arranger) {
	set, _ := environment()
	changesIDs := sys != nil && sys.Credential != nil
	b.autoreaped = set.private != "parent" && !changesIDs && autoreaps() == nil
	if b.autoreaped {
		return spawn.AutoreapedChild, arrangeOn
	}
	return b.spawnByParent, arrangeByParent
}

// spawnByParent is the spawner of a child that has a parent of its own.
func (b *pidfd) spawnByParent(name string, argv []string, attr *syscall.ProcAttr, how spawn.How) (
	pid, fd int, err error,
) {
	if err := spawn.HasParents(); err != nil {
		if probe.Refused(err) {
			err = fmt.Errorf("Attr.Private: no parent for the child: %w (%w)", errors.ErrUnsupported, err)
		}
		return 0, 0, err
	}
	pid, fd, b.parent, err = spawn.PrivateChild(name, argv, attr, how)
	return pid, fd, err
}

// arrangeByParent is arrangeOn for a child that has a parent of its own, whose end is
// what the child gets its Pdeathsig at: that takes no thread of its own.
func arrangeByParent(sys *syscall.SysProcAttr, makeChild func(parentThread bool) error) (release func(), err error) {
	if sys != nil && sys.Pdeathsig != 0 {
		same := *sys
		same.Pdeathsig = 0
		sys = &same
	}
	return arrangeOn(sys, makeChild)
}

// parentPatience is longer than a parent that nobody has stopped takes to tell how its
// child has ended.
const parentPatience = 10 * time.Millisecond

// patience makes a pidfd an asker.
func (b *pidfd) patience() time.Duration {
	if !b.byParent() || !pidfds.ExitedWithin(b.fd.FD, 0) {
		return 0
	}
	if b.ended.IsZero() {
		b.ended = time.Now()
	}
	return parentPatience - time.Since(b.ended)
}

// byParent reports whether the child's parent is to tell how it has ended.
func (b *pidfd) byParent() bool { return b.parent != nil && !b.orphan }

// reapByParent returns what the parent has told before its end, and nothing if somebody
// has killed it: the child goes on, or has left its zombie to others.
func (b *pidfd) reapByParent(p *process) (*State, error) {
	if err := b.holdParent(); err != nil {
		return nil, err
	}
	b.exitSeen = b.exitSeen || pidfds.ExitedWithin(b.parent.Descriptor().FD, 0)
	if !b.exitSeen || !b.parent.Reap() { // a tracer outside may hold the zombie
		return nil, ErrRunning
	}
	status, usage, told := b.parent.Status()
	if !told {
		return nil, b.becomeOrphan()
	}
	return &State{pid: p.pid, status: status, usage: usage, hasUsage: true}, nil
}

// holdParent is hold for the pidfd of the parent.
func (b *pidfd) holdParent() error {
	if !b.parent.Descriptor().Lost() {
		return nil
	}
	if err := b.parent.Reopen(); err != nil {
		return fmt.Errorf("%w (%v)", ErrDescriptorLost, err)
	}
	b.exitSeen = false
	return b.rewatch(b.parent.Descriptor())
}

// becomeOrphan has the child's own end heard of.
func (b *pidfd) becomeOrphan() error {
	b.orphan, b.exitSeen = true, false
	suspended := b.suspended
	b.suspend()
	if b.watchID == 0 {
		return nil
	}
	if err := exits.Move(b.watchID, b.fd); err != nil {
		return err
	}
	if !suspended {
		if err := exits.Resume(b.watchID); err != nil {
			return err
		}
		b.suspended = false
	}
	return nil
}

// orphanGrace is how long an orphan may be left a zombie by whoever took it.
const orphanGrace = 5 * time.Second

// noteExit notes that the orphan has exited. If this program is not the one that takes
// orphans, another one reaps it, or never does.
func (b *pidfd) noteExit(p *process) {
	if b.orphan && b.orphaned.IsZero() {
		b.orphaned = time.Now()
		time.AfterFunc(orphanGrace, func() { p.reap() })
	}
}

// forsaken reports whether nobody reaps the orphan.
func (b *pidfd) forsaken() bool {
	return !b.orphaned.IsZero() && time.Since(b.orphaned) >= orphanGrace
}

// autoreaps tells whether the kernel reaps children, and gives the status to
// whom has the pidfd.
func autoreaps() error {
	if err := spawn.Autoreaps(); err != nil {
		return err
	}
	return pidfds.Recovers()
}

// reapAutoreaped reads the status of a child that the kernel reaps. With the
// hang-up it is there; when the pidfd gets readable it may not be yet.
func (b *pidfd) reapAutoreaped(p *process) (*State, error) {
	if !pidfds.HungUpWithin(b.fd.FD, 0) {
		return nil, ErrRunning
	}
	status, ok, _ := pidfds.ExitStatus(b.fd.FD)
	if !ok {
		return nil, ErrStatusLost
	}
	return &State{pid: p.pid, status: status}, nil
}
