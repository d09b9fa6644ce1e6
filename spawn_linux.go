package ward

import (
	"io/fs"
	"runtime"
	"sync"
	"syscall"

	"github.com/wardproc/ward/internal/spawn"
	"golang.org/x/sys/unix"
)

// A spawner starts a child and returns its pidfd.
type spawner func(name string, argv []string, attr *syscall.ProcAttr) (pid, fd int, err error)

// A launcher is launch, or like it.
type launcher func(sys *syscall.SysProcAttr, try func() error) (release func(), err error)

// spawnChild starts a child and returns its pidfd, by a spawn program where
// that covers what attr asks for, else in the standard library's way. Both do
// the same; only, a spawn program gives the child no descriptor but Files.
func spawnChild(name string, argv []string, attr *syscall.ProcAttr) (pid, fd int, err error) {
	if set, _ := environment(); set.spawn != "std" && spawn.Works() == nil && spawn.Covers(attr) {
		return spawn.Start(name, argv, attr)
	}
	return spawnStd(name, argv, attr)
}

// startError is err in the words of os.StartProcess, but for what only this
// package has.
func startError(name string, err error) error {
	if failed, ok := err.(*spawn.Error); ok {
		err = failed.Errno // without the call's name, as users know it
	}
	switch err.(type) {
	case *fs.PathError:
		return err
	case syscall.Errno:
		return &fs.PathError{Op: "fork/exec", Path: name, Err: err}
	}
	return &Error{Op: "start", Err: err}
}

// spawnStd starts a child in the standard library's way. Errors of package
// syscall, which need not be Errnos, become what os.StartProcess makes of them.
func spawnStd(name string, argv []string, attr *syscall.ProcAttr) (pid, fd int, err error) {
	var sys syscall.SysProcAttr
	if attr.Sys != nil {
		sys = *attr.Sys
	}
	sys.PidFD = &fd
	std := *attr
	std.Sys = &sys
	pid, _, err = syscall.StartProcess(name, argv, &std)
	if err != nil {
		return 0, 0, &fs.PathError{Op: "fork/exec", Path: name, Err: err}
	}
	if fd < 0 {
		// A kernel that does not know CLONE_PIDFD passes over it.
		syscall.Kill(pid, syscall.SIGKILL)
		syscall.Wait4(pid, nil, 0, nil)
		return 0, 0, syscall.ENOSYS
	}
	return pid, fd, nil
}

// launch calls try, which starts a child with sys, until it succeeds or fails
// for good. What sys does to this program it takes back; release is to be
// called when the child is gone, or was not started. With Ptrace try runs on the
// caller's thread, which is to be the tracer.
func launch(sys *syscall.SysProcAttr, try func() error) (release func(), err error) {
	release = func() {}
	if sys != nil && sys.Credential != nil {
		try = keepDumpable(try)
	}
	if sys != nil && sys.Pdeathsig != 0 && !sys.Ptrace {
		parent.hold()
		try, release = parent.call(try), parent.release
	}
	return release, retryTextBusy(try)
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
func keepDumpable(try func() error) func() error {
	return func() error {
		dumpable.mu.Lock()
		if dumpable.starts == 0 {
			dumpable.before, _ = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		}
		dumpable.starts++
		dumpable.mu.Unlock()

		err := try()

		dumpable.mu.Lock()
		defer dumpable.mu.Unlock()
		dumpable.starts--
		if dumpable.starts == 0 && dumpable.before == 1 {
			unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
		}
		return err
	}
}

// parent is the thread that starts the children with Pdeathsig. The kernel
// sends that signal when the thread that started the child ends, which the Go
// runtime's threads may do at any time (golang/go#27505). This one stays for
// as long as one of the children.
var parent parentThread

type parentThread struct {
	mu    sync.Mutex  // guards the fields below
	holds int         // children, and starts under way
	calls chan func() // to the thread, if there is one
}

// hold keeps the thread until release.
func (t *parentThread) hold() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holds++
	if t.calls == nil {
		t.calls = make(chan func())
		go serve(t.calls)
	}
}

func serve(calls <-chan func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for call := range calls {
		call()
	}
}

func (t *parentThread) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holds--
	if t.holds == 0 {
		close(t.calls)
		t.calls = nil
	}
}

// call returns a try that runs on the thread, which the caller holds, with the
// signal mask of the caller's own thread.
func (t *parentThread) call(try func() error) func() error {
	return func() error {
		t.mu.Lock()
		calls := t.calls
		t.mu.Unlock()
		var mask unix.Sigset_t
		unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask)
		result := make(chan error, 1)
		calls <- func() {
			var own unix.Sigset_t
			unix.PthreadSigmask(unix.SIG_SETMASK, &mask, &own)
			defer unix.PthreadSigmask(unix.SIG_SETMASK, &own, nil)
			result <- try()
		}
		return <-result
	}
}
