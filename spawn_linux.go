package ward

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"syscall"

	"github.com/wardproc/ward/internal/parentthread"
	"github.com/wardproc/ward/internal/spawn"
	"github.com/wardproc/ward/internal/textbusy"
	"golang.org/x/sys/unix"
)

// A spawner makes a child that runs a program, and returns its pidfd.
type spawner func(name string, argv []string, attr *syscall.ProcAttr, how spawn.How) (
	pid, fd int, err error,
)

// An arranger is arrangeOn, or like it.
type arranger func(sys *syscall.SysProcAttr, makeChild func(parentThread bool) error) (release func(), err error)

// spawnChild is the spawner of ordinary children: a spawn program where that covers
// what attr asks for, else the standard library's way. Both do the same; only, a
// spawn program gives a child that does not inherit no descriptor but Files, and one
// that changes ids leaves the program's dumpable flag alone.
func spawnChild(name string, argv []string, attr *syscall.ProcAttr, how spawn.How) (
	pid, fd int, err error,
) {
	set, _ := environment()
	if set.spawn == "std" || spawn.Works() != nil || !spawn.Covers(attr) || !spawn.KnowsLimit() {
		return spawnStd(name, argv, attr, how)
	}
	pid, fd, err = spawn.Child(name, argv, attr, how)
	if err == spawn.ErrNotApart || spawn.Refused(err) {
		return spawnStd(name, argv, attr, how)
	}
	return pid, fd, err
}

// startError is err in the words of os.StartProcess, but for what only this
// package has.
func (a *Attr) startError(name string, err error) error {
	switch err := err.(type) {
	case *spawn.Error:
		return a.childError(name, err)
	case *Error:
		return err
	case *fs.PathError:
		return err
	case syscall.Errno:
		return &fs.PathError{Op: startOp, Path: name, Err: err}
	}
	if err == spawn.ErrNotApart { // without Attr.Private there is another way
		err = fmt.Errorf("Attr.Private with Sys.Credential: %w", err)
	}
	return &Error{Op: "start", Err: err}
}

// spawnStd is the spawner in the standard library's way. Errors of package
// syscall, which need not be Errnos, become what os.StartProcess makes of them.
func spawnStd(name string, argv []string, attr *syscall.ProcAttr, how spawn.How) (pid, fd int, err error) {
	var sys syscall.SysProcAttr
	if attr.Sys != nil {
		sys = *attr.Sys
	}
	sys.PidFD = &fd
	std := *attr
	std.Sys = &sys
	std.Files = slices.Clone(attr.Files)
	closeNull, err := openNull(&std)
	if err != nil {
		return 0, 0, err
	}
	defer closeNull()
	path, release := aside(name, len(std.Files), std.Files)
	defer release()
	err = onStandardThread(how.ParentThread, func() (err error) {
		pid, _, err = syscall.StartProcess(path, argv, &std)
		return err
	})
	if err != nil {
		return 0, 0, &fs.PathError{Op: startOp, Path: name, Err: err}
	}
	if fd < 0 {
		// A kernel that does not know CLONE_PIDFD passes over it.
		syscall.Kill(pid, syscall.SIGKILL)
		syscall.Wait4(pid, nil, 0, nil)
		return 0, 0, syscall.ENOSYS
	}
	return pid, fd, nil
}

// aside returns another path for a program that a descriptor's path names. A child of
// package syscall takes numbers right behind its files for its own use
// (golang/go#61751): what the program has there must go elsewhere. Below given are
// the child's files, which the path means.
func aside(name string, given int, files []uintptr) (path string, release func()) {
	fd, rest, ok := spawn.FileOf(name)
	behind := len(files)
	for _, file := range files {
		if file != ^uintptr(0) {
			behind = max(behind, int(file)+1)
		}
	}
	behind += len(files) + 1 // for each file and for the pipe of package syscall
	if !ok || fd < given || fd > behind {
		return name, func() {}
	}
	other, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, behind+1)
	if err != nil {
		return name, func() {} // the start says what is wrong
	}
	return "/proc/self/fd/" + strconv.Itoa(other) + rest, func() { unix.Close(other) }
}

// arrange calls makeChild, which is package syscall's way, like arrangeOn.
func arrange(sys *syscall.SysProcAttr, makeChild func() error) (release func(), err error) {
	return arrangeOn(sys, func(parentThread bool) error { return onStandardThread(parentThread, makeChild) })
}

// arrangeOn calls makeChild until it succeeds or fails for good. What sys does to this
// program it takes back; release is to be called when the child is gone, or was not
// made. A child with Pdeathsig is the parent thread's. With Ptrace it is that of the
// calling thread, which is to be the tracer, and so it is for a goroutine that is locked
// to its thread.
func arrangeOn(sys *syscall.SysProcAttr, makeChild func(parentThread bool) error) (release func(), err error) {
	release = func() {}
	parent := sys != nil && sys.Pdeathsig != 0 && !sys.Ptrace && !parentthread.CallerIsLocked()
	if parent {
		parentthread.Programs.Hold()
		parentthread.Standard.Hold()
		release = func() {
			parentthread.Programs.Release()
			parentthread.Standard.Release()
		}
	}
	return release, textbusy.Retry(func() error { return makeChild(parent) })
}

// onStandardThread calls f on the parent thread of package syscall's children, or on the
// caller's own.
func onStandardThread(parent bool, f func() error) error {
	if parent {
		return parentthread.Standard.Call(f)
	}
	return f()
}
