//go:build unix

package ward

import (
	"errors"
	"os"
	"syscall"
)

// group is Attr.Tree by number: the process group that the child leads. The
// system gives the number to no other process or group while the child has not
// been reaped. Afterwards it may, as soon as the last member is gone, and nobody
// can tell: so the group is signalled before that only.
type group struct {
	leader *process
	killed bool
}

// leadGroup has the child lead a process group. setsid(2) makes one, too.
func leadGroup(sys *syscall.SysProcAttr) error {
	if sys.Pgid != 0 {
		return unsupported("Attr.Tree with Sys.Pgid")
	}
	sys.Setpgid = sys.Setpgid || !sys.Setsid
	return nil
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

// kill wraps kill(2) for a group, and the child, which may have left it. No
// member can get away by a fork: the kernel takes them all at one time.
func (g *group) kill() error {
	if !g.pinned() {
		if g.empty() {
			return processDone{}
		}
		return unsupported("KillTree after the child's exit")
	}
	err := syscall.Kill(-g.leader.pid, syscall.SIGKILL)
	left := g.leader.backend.signal(os.Kill)
	if err == syscall.ESRCH {
		return left
	}
	g.killed = err == nil
	return os.NewSyscallError("kill", err)
}

// pinned reports whether the child has not been reaped, by a signal that does
// nothing. The process's mutex and numbers keep it so, but for a thief, after
// which it would take a whole round of pid_max until kill for the number to be
// another's.
func (g *group) pinned() bool {
	p := g.leader
	return !p.exited() && p.handed == nil && !errors.Is(p.backend.signal(syscall.Signal(0)), os.ErrProcessDone)
}

// empty reports whether nobody has the group's number.
func (g *group) empty() bool { return syscall.Kill(-g.leader.pid, 0) == syscall.ESRCH }

func (g *group) gone() bool { return g.killed || g.empty() }

func (g *group) close() {}
