//go:build unix

package ward

import (
	"errors"
	"os"
	"syscall"
)

// leadingGroup returns a for a child that leads a process group, if a asks for a
// tree. setsid(2) makes a group, too.
func (a *Attr) leadingGroup() (*Attr, error) {
	if !a.Tree {
		return a, nil
	}
	return a.withSys(func(sys *syscall.SysProcAttr) error {
		if sys.Pgid != 0 {
			return unsupported("Attr.Tree with Sys.Pgid")
		}
		sys.Setpgid = sys.Setpgid || !sys.Setsid
		return nil
	})
}

// withSys returns a with a Sys of its own, which change has changed.
func (a *Attr) withSys(change func(*syscall.SysProcAttr) error) (*Attr, error) {
	var sys syscall.SysProcAttr
	if a.Sys != nil {
		sys = *a.Sys
	}
	own := *a
	own.Sys = &sys
	return &own, change(&sys)
}

// group is Attr.Tree by number: the process group that the child leads. The
// system gives the number to no other process or group while the child has not
// been reaped. Afterwards it may, as soon as the last member is gone, and nobody
// can tell: so the group is signalled before that only.
type group struct {
	// signal signals the leader. The caller holds numbers for reading.
	signal func(leader *process, sig os.Signal) error
	killed bool
}

// kill wraps kill(2) for a group, and the child, which may have left it. No
// member can get away by a fork: the kernel takes them all at one time.
func (g *group) kill(leader *process) error {
	numbers.RLock()
	defer numbers.RUnlock()
	switch err := g.pinned(leader); {
	case errors.Is(err, ErrDescriptorLost):
		return err
	case err != nil && isEmpty(leader.pid):
		return processDone{}
	case err != nil:
		return unsupported("KillTree after the child's exit")
	}
	err := syscall.Kill(-leader.pid, syscall.SIGKILL)
	left := g.signal(leader, os.Kill)
	if err == syscall.ESRCH {
		return left
	}
	g.killed = err == nil
	return os.NewSyscallError("kill", err)
}

// pinned returns an error if the child may have been reaped, which a signal that does
// nothing tells. The process's mutex and numbers keep it so, but for a thief, after
// which it would take a whole round of pid_max until kill for the number to be
// another's.
func (g *group) pinned(leader *process) error {
	if leader.exited() {
		return leader.over()
	}
	err := g.signal(leader, syscall.Signal(0))
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, ErrDescriptorLost) {
		return err
	}
	return nil
}

// isEmpty reports whether nobody has the group's number.
func isEmpty(pgid int) bool { return syscall.Kill(-pgid, 0) == syscall.ESRCH }

func (g *group) gone(leader *process) bool { return g.killed || isEmpty(leader.pid) }

func (g *group) close() {}
