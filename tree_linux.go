package ward

import (
	"os"

	pidfds "github.com/wardproc/ward/internal/pidfd"
	"golang.org/x/sys/unix"
)

// leadTree makes the child's group its tree.
func (b *pidfd) leadTree() tree {
	if pidfds.SignalsGroups() != nil {
		return &group{signal: b.signal}
	}
	return &pidfdGroup{leader: b}
}

// pidfdGroup is Attr.Tree by the pidfd of the child, the group's leader. That
// refers to the group also when the child has been reaped:
// PIDFD_SIGNAL_PROCESS_GROUP in pidfd_send_signal(2), Linux 6.9. The backend owns
// the pidfd, which the process keeps open for as long as the tree.
type pidfdGroup struct {
	leader *pidfd
	killed bool
}

// kill kills the members, and the child, which may have left the group.
func (g *pidfdGroup) kill(p *process) error {
	if err := g.leader.hold(p); err != nil {
		return err
	}
	fd := g.leader.fd.FD
	err := pidfds.SignalGroup(fd, unix.SIGKILL)
	left := pidfds.Signal(fd, unix.SIGKILL)
	if err == unix.ESRCH {
		err = left
	}
	if err == unix.ESRCH {
		return processDone{}
	}
	g.killed = err == nil
	return os.NewSyscallError("pidfd_send_signal", err)
}

func (g *pidfdGroup) gone(*process) bool {
	fd := g.leader.fd
	return g.killed || fd.Lost() || pidfds.SignalGroup(fd.FD, 0) == unix.ESRCH
}

func (g *pidfdGroup) usesBackend() {}

func (g *pidfdGroup) close() {}
