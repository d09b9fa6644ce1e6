package ward

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// A zombie is a child that has exited, held by a pidfd: whatever other code
// reaps, the descriptor refers to this one and not to its number's next owner.
type zombie struct {
	pid int
	fd  int // -1 where there are no pidfds: then it is known by its number
}

// zombiesHold tells whether that can be had: pidfd_open (Linux 5.3) and
// what the backend needs (5.4), of which a seccomp filter may forbid either.
var zombiesHold = probe.Probe{Try: func() error {
	if _, err := unix.PidfdOpen(-1, 0); err != unix.EINVAL {
		return os.NewSyscallError("pidfd_open", err)
	}
	return probePidfd()
}}

// held are the descriptors of zombies, which own nobody.
var held struct {
	sync.Mutex // guards the rest
	fds        map[int]bool
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
func (z zombie) look(options int) *siginfo {
	idType, id := unix.P_PIDFD, z.fd
	if z.fd < 0 {
		idType, id = unix.P_PID, z.pid
	}
	var info siginfo
	err := waitid(idType, id, &info, options|unix.WNOHANG|unix.WNOWAIT, nil)
	if err != nil || info.signo == 0 {
		return nil
	}
	return &info
}

// exited reports whether the child has, and nobody has taken it. A stop of one
// that this program traces is not meant.
func (z zombie) exited() bool {
	seen := z.look(unix.WEXITED)
	return seen != nil && seen.exited()
}

// take takes what look has seen: nil if somebody else has.
func (z zombie) take(options int) *State {
	s := &State{pid: z.pid, hasUsage: true}
	if z.fd < 0 {
		if got, _ := waitByNumber(z.pid, &s.status, unix.WNOHANG, &s.usage); got <= 0 {
			return nil
		}
		return s
	}
	var info siginfo
	err := waitPidfd(z.fd, &info, options|unix.WNOHANG, &s.usage)
	if err != nil || info.signo == 0 {
		return nil
	}
	s.status = info.waitStatus()
	return s
}

// owned returns the numbers of those zombies that a pidfd of this program refers
// to, besides those held here: the one of a handle or of an [os.Process], each
// from the clone on. waitid tells it of any descriptor, in half a microsecond:
// EBADF if it is no pidfd, nothing if its process runs.
func owned() (map[int]bool, error) {
	fds, err := descriptors()
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
			pids[int(info.pid)] = true
		}
	}
	return pids, nil
}

// descriptors returns the numbers of the open descriptors: all there may be,
// where /proc does not tell.
func descriptors() (iter.Seq[int], error) {
	fds, err := numbersIn("/proc/self/fd")
	if err == nil {
		return slices.Values(fds), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, os.NewSyscallError("getrlimit", err)
	}
	return upTo(int(limit.Cur)), nil
}

// childNumbers returns the numbers of this program's children and, where /proc
// does not tell, of all else.
func childNumbers() iter.Seq[int] {
	depth := len(numbersOf("self"))
	children, err := childrenOfThreads("/proc/self/task")
	if err != nil {
		children, err = numbersIn("/proc")
	}
	if err != nil || depth == 0 {
		const pidMax = 1 << 22 // PID_MAX_LIMIT
		return upTo(pidMax)
	}
	if depth > 1 {
		// This is the /proc of an outer pid namespace, and its numbers.
		for i, child := range children {
			children[i] = 0
			if inner := numbersOf(strconv.Itoa(child)); len(inner) >= depth {
				children[i] = inner[depth-1]
			}
		}
	}
	return slices.Values(children)
}

// numbersOf returns the numbers of a process in the pid namespace of /proc and
// those below it (Linux 4.1).
func numbersOf(process string) (pids []int) {
	text, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return nil
	}
	_, line, _ := bytes.Cut(text, []byte("\nNSpid:"))
	line, _, _ = bytes.Cut(line, []byte("\n"))
	return numbersAmong(bytes.FieldsSeq(line))
}

// childrenOfThreads reads the files that the kernel has with
// CONFIG_PROC_CHILDREN.
func childrenOfThreads(tasks string) (children []int, err error) {
	threads, err := numbersIn(tasks)
	if err != nil {
		return nil, err
	}
	for _, thread := range threads {
		dir := filepath.Join(tasks, strconv.Itoa(thread))
		text, err := os.ReadFile(filepath.Join(dir, "children"))
		if _, gone := os.Stat(dir); err != nil && gone == nil {
			return nil, err
		}
		children = append(children, numbersAmong(bytes.FieldsSeq(text))...)
	}
	return children, nil
}

func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i <= n && yield(i); i++ {
		}
	}
}

// numbersIn returns the entries of a folder that are numbers.
func numbersIn(dir string) ([]int, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	return numbersAmong(slices.Values(names)), err
}

func numbersAmong[S ~string | ~[]byte](words iter.Seq[S]) (numbers []int) {
	for word := range words {
		if n, err := strconv.Atoi(string(word)); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
