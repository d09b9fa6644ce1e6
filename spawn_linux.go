package ward

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/spawn"
	"golang.org/x/sys/unix"
)

// spawnChild starts a child and returns its pidfd, by a spawn program where
// that covers what attr asks for, else in the standard library's way. Both do
// the same; only, a spawn program gives the child no descriptor but Files.
func spawnChild(name string, argv []string, attr *Attr) (pid, fd int, err error) {
	sysattr := attr.procAttr()
	how := spawnStd
	if set, _ := environment(); set.spawn != "std" && spawn.Works() == nil && spawn.Covers(sysattr) {
		how = spawn.Start
	}
	try := func() { pid, fd, err = how(name, argv, sysattr) }
	if attr.Sys != nil && attr.Sys.Credential != nil {
		try = keepDumpable(try)
	}
	retryTextBusy(try, &err)
	if err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) {
			err = errno // without the name of the call, as users know it
		}
		return 0, 0, &fs.PathError{Op: "fork/exec", Path: name, Err: err}
	}
	if attr.Sys == nil || attr.Sys.PidFD == nil {
		return pid, fd, nil
	}
	// The caller asked for a pidfd, too, and owns what it gets.
	*attr.Sys.PidFD, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		(&pidfd{fd: fd}).abandon()
		return 0, 0, &Error{Op: "start", Err: os.NewSyscallError("fcntl", err)}
	}
	return pid, fd, nil
}

// spawnStd starts a child in the standard library's way.
func spawnStd(name string, argv []string, attr *syscall.ProcAttr) (pid, fd int, err error) {
	var sys syscall.SysProcAttr
	if attr.Sys != nil {
		sys = *attr.Sys
	}
	sys.PidFD = &fd
	std := *attr
	std.Sys = &sys
	pid, _, err = syscall.StartProcess(name, argv, &std)
	return pid, fd, err
}

// retryTextBusy repeats try while *err is ETXTBSY: a program that was just
// written is busy for as long as a child forked meanwhile holds the descriptor
// it was written through (golang/go#22315). The pauses add up to 100 ms.
func retryTextBusy(try func(), err *error) {
	for pause := 100 * time.Microsecond; ; pause *= 2 {
		try()
		if !errors.Is(*err, syscall.ETXTBSY) || pause > 50*time.Millisecond {
			return
		}
		time.Sleep(pause)
	}
}

// dumpable remembers the program's dumpable flag over starts with Credential.
// The child shares our memory while it changes its ids, and the kernel then
// takes the flag from that memory: no core dumps for us, and a /proc/self that
// belongs to root.
var dumpable struct {
	mu     sync.Mutex // guards the fields below
	starts int        // under way
	before int
}

// keepDumpable returns a try that leaves the dumpable flag as it was.
func keepDumpable(try func()) func() {
	return func() {
		dumpable.mu.Lock()
		if dumpable.starts == 0 {
			dumpable.before, _ = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		}
		dumpable.starts++
		dumpable.mu.Unlock()

		try()

		dumpable.mu.Lock()
		defer dumpable.mu.Unlock()
		dumpable.starts--
		if dumpable.starts == 0 && dumpable.before == 1 {
			unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
		}
	}
}
