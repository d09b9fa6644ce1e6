package ward

import (
	"os"
	"runtime"
	"syscall"

	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// pidfdGroup is Attr.Tree by the pidfd of the child, the group's leader. That
// refers to the group also when the child has been reaped:
// PIDFD_SIGNAL_PROCESS_GROUP in pidfd_send_signal(2), Linux 6.9.
type pidfdGroup struct {
	fd     int
	users  int // of fd: the backend, until it is closed, and the process
	killed bool
}

// leadTree makes the child's group its tree. The caller holds the process's mutex.
func (b *pidfd) leadTree() {
	if groupSignals.Err() != nil {
		b.process.tree = &group{leader: b.process}
		return
	}
	b.group = &pidfdGroup{fd: b.fd, users: 2}
	b.process.tree = b.group
	b.process.dropped = runtime.AddCleanup(b.process, (*pidfdGroup).close, b.group)
}

// kill kills the members, and the child, which may have left the group.
func (g *pidfdGroup) kill() error {
	err := g.signal(unix.SIGKILL)
	left := unix.PidfdSendSignal(g.fd, unix.SIGKILL, nil, 0)
	if err == unix.ESRCH {
		err = left
	}
	if err == unix.ESRCH {
		return processDone{}
	}
	g.killed = err == nil
	return os.NewSyscallError("pidfd_send_signal", err)
}

func (g *pidfdGroup) gone() bool { return g.killed || g.signal(0) == unix.ESRCH }

func (g *pidfdGroup) signal(sig syscall.Signal) error {
	return unix.PidfdSendSignal(g.fd, sig, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP)
}

// close is called by each user of the descriptor.
func (g *pidfdGroup) close() {
	g.users--
	if g.users == 0 {
		unix.Close(g.fd)
	}
}

// groupSignals tells whether a pidfd can signal a group. A kernel that has the
// flag gets as far as the descriptor, which is not open.
var groupSignals = probe.Probe{Try: func() error {
	if err := unix.PidfdSendSignal(noDescriptor, 0, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP); err != unix.EBADF {
		return os.NewSyscallError("pidfd_send_signal(PIDFD_SIGNAL_PROCESS_GROUP)", err)
	}
	return nil
}}
