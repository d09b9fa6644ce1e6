package ward

import (
	"github.com/wardproc/ward/internal/lockorder"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/procfs"
	"golang.org/x/sys/unix"
)

// A zombie is a child that has exited, held by a pidfd: whatever other code
// reaps, the descriptor refers to this one and not to its number's next owner.
type zombie struct {
	pid int
	fd  int // -1 where there are no pidfds: then it is known by its number
}

// held are the descriptors of zombies, which own nobody.
var held struct {
	lockorder.Mutex[lockorder.Held] // guards the rest
	fds                             map[int]bool
}

// hold returns the child of the number, or no zombie (ESRCH) if it is gone. What
// the descriptor refers to is to be looked at again: it may be the next one.
func hold(pid int) (zombie, error) {
	held.Lock()
	defer held.Unlock()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return zombie{}, err
	}
	if held.fds == nil {
		held.fds = make(map[int]bool)
	}
	held.fds[fd] = true
	return zombie{pid, fd}, nil
}

func (z zombie) release() {
	if z.fd < 0 {
		return
	}
	held.Lock()
	defer held.Unlock()
	delete(held.fds, z.fd)
	unix.Close(z.fd)
}

// look returns what wait would, without taking it: nil if there is nothing.
func (z zombie) look(options int) *pidfds.Siginfo {
	idType, id := unix.P_PIDFD, z.fd
	if z.fd < 0 {
		idType, id = unix.P_PID, z.pid
	}
	var info pidfds.Siginfo
	err := pidfds.Waitid(idType, id, &info, options|unix.WNOHANG|unix.WNOWAIT, nil)
	if err != nil || !info.Found() {
		return nil
	}
	return &info
}

// exited reports whether the child has, and nobody has taken it. A stop of one
// that this program traces is not meant.
func (z zombie) exited() bool {
	seen := z.look(unix.WEXITED)
	return seen != nil && seen.Exited()
}

// takeByNumber takes a child that has exited, and offers it to the starts under way.
func (z zombie) takeByNumber() *State {
	s := &State{pid: z.pid, hasUsage: true}
	if got, _ := takeForeign(z.pid, &s.status, unix.WNOHANG, &s.usage, impatient); got <= 0 {
		return nil
	}
	return s
}

// take takes what look has seen, by the descriptor: nil if somebody else has.
func (z zombie) take(options int) *State {
	s := &State{pid: z.pid, hasUsage: true}
	var info pidfds.Siginfo
	err := pidfds.Wait(z.fd, &info, options|unix.WNOHANG, &s.usage)
	if err != nil || !info.Found() {
		return nil
	}
	s.status = info.WaitStatus()
	return s
}

// owned returns the numbers of those zombies that a pidfd of this program refers
// to, besides those held here: the one of a handle or of an [os.Process], each
// from the clone on. waitid tells it of any descriptor, in half a microsecond:
// EBADF if it is no pidfd, nothing if its process runs.
func owned() (map[int]bool, error) {
	fds, err := procfs.Descriptors()
	if err != nil {
		return nil, err
	}
	held.Lock()
	defer held.Unlock()
	pids := make(map[int]bool)
	for fd := range fds {
		if held.fds[fd] {
			continue
		}
		if info := (zombie{fd: fd}).look(unix.WEXITED); info != nil {
			pids[info.PID()] = true
		}
	}
	return pids, nil
}
