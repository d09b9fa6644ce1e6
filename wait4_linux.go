package ward

import (
	"math"
	"syscall"

	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/spawn"
	"golang.org/x/sys/unix"
)

// seenRunning reports whether waitid(2) finds that the child has not exited. It
// leaves a stop to whoever traces the child, where wait4(2) would take it. If
// it finds no child, or a filter refuses it, wait4 is to say what is the case.
func seenRunning(pid int) bool {
	var info pidfds.Siginfo
	err := pidfds.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && !info.Exited()
}

func waitForeign(pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage) (int, error) {
	if set, _ := environment(); !usePidfd(set) || pidfds.Opens() != nil {
		return waitDirectly(pid, status, options, usage)
	}
	idType, id, err := waitTarget(pid, options)
	if err != nil {
		return 0, err
	}
	for {
		child, err := waitFor(idType, id, options)
		if child == 0 {
			return 0, err
		}
		z, err := hold(child)
		switch err {
		case nil:
		case unix.ESRCH: // gone
			continue
		case unix.EINVAL, unix.ENOENT: // a thread that this program traces, and nobody's child
			if got, _ := takeForeign(child, status, options|unix.WNOHANG, usage, patient); got > 0 {
				return got, nil
			}
			continue
		default: // no descriptor left
			return waitDirectly(pid, status, options, usage)
		}
		got := z.takeForeign(status, options, usage)
		z.release()
		if got > 0 {
			return got, nil
		}
	}
}

// waitTarget returns the first two arguments of waitid(2) for those of wait4(2),
// which makes the same errors.
func waitTarget(pid, options int) (idType, id int, err error) {
	const allowed uint32 = unix.WNOHANG | unix.WUNTRACED | unix.WCONTINUED | unix.WNOTHREAD | unix.WCLONE | unix.WALL
	switch {
	case uint32(options)&^allowed != 0:
		return 0, 0, unix.EINVAL
	case pid < -math.MaxInt32: // no group: ESRCH, but gVisor says ECHILD
		if _, err = unix.Wait4(pid, nil, options|unix.WNOHANG, nil); err == nil {
			err = unix.ESRCH
		}
		return 0, 0, err
	case pid < -1:
		return unix.P_PGID, -pid, nil
	case pid == -1:
		return unix.P_ALL, 0, nil
	case pid == 0:
		// Our own. It is 0 if its leader is outside of the pid namespace, which Linux takes
		// for the caller's since 5.4, as P_PIDFD, but gVisor for any group.
		return unix.P_PGID, unix.Getpgrp(), nil
	}
	return unix.P_PID, pid, nil
}

// waitFor waits for a child as wait4(2) would and returns its number, without
// taking it. A handle's child that has exited is handed over on the way.
func waitFor(idType, id, options int) (int, error) {
	for {
		var info pidfds.Siginfo
		err := pidfds.Waitid(idType, id, &info, options|unix.WEXITED|unix.WNOWAIT, nil)
		if err != nil || !info.Found() {
			return 0, err
		}
		pid := info.PID()
		if p := children.find(pid); p == nil || !p.reap() {
			return pid, nil
		}
	}
}

// takeForeign takes the child unless it is a handle's. Where that cannot be known
// for all patience, the status is kept for the handle, too.
func (z zombie) takeForeign(status *syscall.WaitStatus, options int, usage *syscall.Rusage) int {
	seen := z.look(options | unix.WEXITED)
	if seen == nil {
		return 0 // somebody else has it
	}
	owner, decided := z.owner()
	switch {
	case !decided:
		got, _ := takeForeign(z.pid, status, options|unix.WNOHANG, usage, impatient)
		return max(got, 0)
	case owner == nil:
		parent := spawn.IsParent(z.pid) // of a private child; a wait with __WALL or __WCLONE sees it
		if state := z.take(options | unix.WEXITED); state != nil && !parent {
			return state.copyTo(status, usage)
		}
	case !seen.Exited():
		z.take(options | unix.WSTOPPED) // or it would stay in front of what comes next
	default:
		owner.reap()
	}
	return 0
}

// owner returns the handle's process, if it is one, of a child that has been
// seen to be gone. If the child is that of a start under way, that ends soon. A
// start that does not, as its program is on a slow file system, has another
// child, and its pidfd in our table tells it from the zombie.
func (z zombie) owner() (p *process, decided bool) {
	p, starts := children.ownerOrStarts(z.pid)
	if p != nil || len(starts) == 0 {
		return p, true
	}
	mayOwn := taken.uncleared(z.pid, starts)
	if !awaitStarts(mayOwn, startHaste) {
		if pids, err := owned(); err == nil && !pids[z.pid] && pidfds.Clones() == nil {
			return nil, true
		}
		if !outlast(mayOwn, starts) {
			return nil, false
		}
	}
	return children.find(z.pid), len(mayOwn) == len(starts)
}
