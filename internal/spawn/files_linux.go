//go:build linux && (amd64 || arm64)

package spawn

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// lowFiles is the number of descriptors that a child may copy from the program
// at next to no cost.
const lowFiles = 64

// callFetch is the name of the steps that another way to get the files can
// replace.
const callFetch = "pidfd_getfd"

// takeTable gives the child a descriptor table of its own that has the files
// in it, and records where. The child shares the program's table at first;
// close_range with CLOSE_RANGE_UNSHARE copies what lies below the range.
//
// If all files have low numbers, that is a few descriptors. If not, and the
// program has thousands, the copy would cost more than the whole start: so the
// child begins with an empty table and fetches each file from the program. Only what a
// path names is to be there by its own number.
func (p *program) takeTable(files []uintptr, copyFiles bool, paths ...string) {
	p.setSources(files)
	named := namedEnd(paths)
	if end := max(named, tableEnd(files)); end <= lowFiles || named > 0 || copyFiles {
		p.unshare(end)
		return
	}
	p.unshare(0)
	p.openProgram()
	for i, source := range p.sources {
		if source >= 0 {
			p.sources[i] = p.fetch(source)
		}
	}
}

// tableEnd is the end of the part of the table that has the files.
func tableEnd(files []uintptr) int {
	end := 0
	for _, fd := range files {
		if fd != closed && fd != Null {
			end = max(end, int(fd)+1)
		}
	}
	return end
}

// namedEnd is the end of the part of the table that has what the paths name.
func namedEnd(paths []string) int {
	end := 0
	for _, path := range paths {
		if fd, _, ok := FileOf(path); ok {
			end = max(end, fd+1)
		}
	}
	return end
}

// unshare keeps a copy of the descriptors below end.
func (p *program) unshare(end int) {
	p.add("close_range", wantSuccess, unix.SYS_CLOSE_RANGE, uintptr(end), ^uintptr(0), unix.CLOSE_RANGE_UNSHARE)
}

// openProgram opens the program as descriptor 0 of an empty table.
func (p *program) openProgram() {
	pid := uintptr(os.Getpid())
	if p.parent == nil {
		p.add(callFetch, pid, unix.SYS_GETPPID) // false in another pid namespace
	}
	p.add(callFetch, wantSuccess, unix.SYS_PIDFD_OPEN, pid, 0)
	p.fetched = 0
}

// fetch gets a file from the program and returns its number, which is the lowest
// that is free.
func (p *program) fetch(fd int) int {
	p.fetched++
	p.add(callFetch, uintptr(p.fetched), unix.SYS_PIDFD_GETFD, 0, uintptr(fd), 0)
	return p.fetched
}

// Fetches tells whether the child may fetch files with high numbers from the
// program: pidfd_getfd(2), Linux 5.6, which needs the right that ptrace(2) calls
// PTRACE_MODE_ATTACH_REALCREDS. A program without CAP_SYS_PTRACE lacks it where
// Yama's ptrace_scope is 1 or more.
func Fetches() error { return fetches.Err() }

var fetches = probe.Probe{Try: func() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	defer unix.Close(fd)
	return try(func(p *program) {
		p.unshare(0)
		p.openProgram()
		p.fetch(fd)
	})
}}

// mayFetch reports whether a child of this thread can fetch the files, and some are
// not among those that it copies anyhow. One in another pid namespace does not see the program; and
// as the first one there it must not be wasted on an attempt.
func mayFetch(files []uintptr, inherits bool) bool {
	cheap := lowFiles
	if inherits {
		cheap = inheritedFiles
	}
	return tableEnd(files) > cheap && sharesPIDNamespace() && Fetches() == nil
}

// sharesPIDNamespace reports whether a child of this thread is known to be in the
// program's own pid namespace.
func sharesPIDNamespace() bool { return pidNamespaceElsewhere() == nil }

// The answers of pidNamespaceElsewhere that are final.
var (
	errElsewhere = fmt.Errorf("a thread with a pid namespace for its children: %w", errors.ErrUnsupported)
	errUntold    = fmt.Errorf("neither /proc nor a pidfd (Linux 6.11) tells the pid namespace of children: %w", errors.ErrUnsupported)
)

// pidNamespaceElsewhere returns nil if a child of this thread is known to be in the
// program's own pid namespace.
//
// To read the links takes less than half the time of a stat, for which the kernel makes
// an inode of the namespace.
func pidNamespaceElsewhere() error {
	own := ownPIDNamespace.Load()
	if own == nil {
		link, err := os.Readlink("/proc/self/ns/pid")
		if err != nil {
			return pidNamespaceElsewhereByPidfd()
		}
		own = &link
		ownPIDNamespace.Store(own)
	}
	var children [32]byte // pid:[4026531836]
	n, err := unix.Readlink("/proc/thread-self/ns/pid_for_children", children[:])
	switch {
	case err == unix.ENOENT && hearsNoExec():
		return nil // gVisor has no such file, and gives no thread such a namespace
	case err != nil: // there is no process in it yet, or no /proc any more
		return pidNamespaceElsewhereByPidfd()
	case string(children[:n]) != *own:
		return errElsewhere
	}
	return nil
}

// pidNamespaceElsewhereByPidfd asks the thread's own pidfd, where /proc does not tell.
func pidNamespaceElsewhereByPidfd() error {
	const own, ofChildren = 0xff05, 0xff06 // PIDFD_GET_PID_NAMESPACE, PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE
	thread, err := unix.PidfdOpen(unix.Gettid(), unix.PIDFD_THREAD)
	if err != nil {
		return untold("pidfd_open", err)
	}
	defer unix.Close(thread)
	var found [2]unix.Stat_t
	for i, which := range []uint{own, ofChildren} {
		namespace, err := unix.IoctlRetInt(thread, which)
		if err != nil {
			return untold("ioctl(PIDFD_GET_PID_NAMESPACE)", err)
		}
		err = unix.Fstat(namespace, &found[i])
		unix.Close(namespace)
		if err != nil {
			return errUntold
		}
	}
	if found[0].Ino != found[1].Ino || found[0].Dev != found[1].Dev {
		return errElsewhere
	}
	return nil
}

// untold is errUntold unless the call was short of something.
func untold(call string, err error) error {
	if probe.Refused(err) {
		return errUntold
	}
	return os.NewSyscallError(call, err)
}

// ownPIDNamespace is read once there is a /proc: no process changes its own.
var ownPIDNamespace atomic.Pointer[string]

// placeFiles moves the files to where the child is to find them and closes all
// else that the child does not inherit, but for what the program's path names, which the
// exec closes.
func (p *program) placeFiles() {
	p.moveFiles(0)
	if p.inherits {
		p.closeStandard() // the exec closes the rest
	} else {
		p.closeOthers(p.kept)
	}
	p.openNull()
}

var nullDevice = []byte("/dev/null\x00")

// openNull opens the null device where the child is to find it. All others of the
// child's files are in their places, so that the lowest free number is known. Where
// there is no null device nothing is open.
func (p *program) openNull() {
	if !slices.Contains(p.sources, null) {
		return
	}
	first := slices.IndexFunc(p.sources, func(source int) bool { return source < 0 })
	p.add("openat", wantAnything, unix.SYS_OPENAT, noFolder, uintptr(unsafe.Pointer(&nullDevice[0])), unix.O_RDWR)
	for i, source := range p.sources {
		if source == null && i != first {
			p.add("dup3", wantAnything, unix.SYS_DUP3, uintptr(first), uintptr(i), 0)
		}
	}
	if p.sources[first] != null {
		p.add("close", wantAnything, unix.SYS_CLOSE, uintptr(first))
	}
}

// noFolder is AT_FDCWD of openat(2), without effect on a path that begins with /.
const noFolder = ^uintptr(99)

// lastFile is the highest descriptor of close_range(2).
const lastFile = ^uintptr(0)

func (p *script) dup(from, to int) {
	p.add("dup3", wantSuccess, unix.SYS_DUP3, uintptr(from), uintptr(to), 0)
}

func (p *script) dupCloseOnExec(from, to int) {
	p.add("dup3", wantSuccess, unix.SYS_DUP3, uintptr(from), uintptr(to), unix.O_CLOEXEC)
}
