//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/wardproc/ward/internal/mux"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

// A lifeline is what tells parents that this program has ended or executes another one.
// All of it is close-on-exec, and has the lowest numbers that are free: a parent copies
// what lies below. If they are in a row, what a parent does not keep is last.
type lifeline struct {
	users int // parents, and starts under way; parents.mu guards it

	// closes is the write end of a pipe, and hangsUp the other one. A child that has not
	// executed its program yet may hold a copy, so they may tell nothing of the end.
	closes, hangsUp ownFile

	// program is this program's own pidfd, which tells of its end.
	program pidfds.Descriptor

	// image is what a parent executes to let go of the memory of a program that has
	// executed another one, and -1 if the system allows that to no file in memory.
	image     ownFile
	imagePath [32]byte // where /proc is mounted
}

// newLifeline returns one without users.
func newLifeline() (*lifeline, error) {
	l := &lifeline{image: ownFile{fd: -1}}
	if fd, err := pidfds.MemoryFile(tinyprog.Exit(runtime.GOARCH)); err == nil {
		l.image = own(fd)
		copy(l.imagePath[:], fmt.Sprintf("/proc/self/fd/%d", fd))
	}
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		l.image.close()
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	l.program = pidfds.Own(fd, os.Getpid())
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		l.image.close()
		l.program.Close()
		return nil, os.NewSyscallError("pipe2", err)
	}
	l.hangsUp, l.closes = own(pipe[0]), own(pipe[1])
	return l, nil
}

// lost reports whether a stranger has closed a part.
func (l *lifeline) lost() bool {
	return l.closes.lost() || l.hangsUp.lost() || l.image.lost() || l.program.Lost()
}

// close closes what no stranger has.
func (l *lifeline) close() {
	l.closes.close()
	l.hangsUp.close()
	l.image.close()
	l.program.Close()
}

// kept returns the descriptors that a parent keeps, in order.
func (l *lifeline) kept() []int {
	kept := []int{l.hangsUp.fd, l.program.FD}
	if l.image.fd >= 0 {
		kept = append(kept, l.image.fd)
	}
	slices.Sort(kept)
	return kept
}

// An ownFile is a descriptor and what tells whether it is another file's by now.
type ownFile struct {
	fd       int
	dev, ino uint64
}

func own(fd int) ownFile {
	f := ownFile{fd: fd}
	f.dev, f.ino = f.now()
	return f
}

func (f ownFile) now() (dev, ino uint64) {
	var stat unix.Stat_t
	if unix.Fstat(f.fd, &stat) != nil {
		return 0, 0
	}
	return uint64(stat.Dev), uint64(stat.Ino)
}

func (f ownFile) lost() bool {
	if f.fd < 0 {
		return false
	}
	dev, ino := f.now()
	return dev != f.dev || ino != f.ino
}

func (f ownFile) close() {
	if f.fd >= 0 && !f.lost() {
		unix.Close(f.fd)
	}
}

// holdLifeline returns a lifeline that nobody has touched, for a parent to come.
func (l *parentList) holdLifeline() (*lifeline, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old := l.lifeline; old != nil && old.lost() {
		l.lifeline = nil
		l.closeUnused(old)
	}
	if l.lifeline == nil {
		made, err := newLifeline()
		if err != nil {
			return nil, err
		}
		l.lifeline = made
	}
	l.lifeline.users++
	return l.lifeline, nil
}

// releaseLifeline is called when a parent is gone. The caller holds mu.
func (l *parentList) releaseLifeline(line *lifeline) {
	line.users--
	if line.users > 0 {
		return
	}
	if line != l.lifeline {
		line.close()
		return
	}
	l.idleSince = time.Now()
	l.expireAfter(mux.Linger)
}

// expireAfter has expire called, if nothing will yet. The caller holds mu.
func (l *parentList) expireAfter(d time.Duration) {
	if !l.expiring {
		l.expiring = true
		time.AfterFunc(d, l.expire)
	}
}

// closeUnused closes a lifeline that is not the present one, unless parents live by it.
func (l *parentList) closeUnused(line *lifeline) {
	if line.users == 0 {
		line.close()
	}
}

// expire closes the lifeline if it has had no user for the time to linger.
func (l *parentList) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expiring = false
	line := l.lifeline
	if line == nil || line.users > 0 {
		return
	}
	if d := mux.Linger - time.Since(l.idleSince); d > 0 {
		l.expireAfter(d)
		return
	}
	l.lifeline = nil
	line.close()
}
