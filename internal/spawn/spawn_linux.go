//go:build linux && (amd64 || arm64)

// Package spawn starts programs on Linux at a cost that does not depend on how
// much memory, how many descriptors and how many children the caller has.
//
// The child shares the caller's memory and, for its first system call, its
// descriptors. It runs no Go code and has no stack: a few instructions of
// assembly work through a spawn program, a flat array of system calls that was
// prepared before. The caller waits for the exec in an ordinary futex call, so
// its goroutine's P is free meanwhile.
package spawn

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shared is the memory that the child reads and writes. The assembly knows its
// offsets from go_asm.h, which the compiler writes.
type shared struct {
	running uint32 // the child's, until the kernel clears it: see clone3
	pidfd   int32
	errno   uintptr // of the step that failed
	failed  uintptr // the address of that step
	every   uint64  // a full signal mask
	mask    uint64  // the caller's signal mask
	first   uintptr // the address of the first step
	args    cloneArgs
}

// cloneArgs is struct clone_args of clone(2).
type cloneArgs struct {
	flags      uint64
	pidfd      uint64
	childTID   uint64
	parentTID  uint64
	exitSignal uint64
	stack      uint64
	stackSize  uint64
	tls        uint64
	setTID     uint64
	setTIDSize uint64
	cgroup     uint64
}

// step is one system call of a spawn program.
type step struct {
	number uintptr
	args   [6]uintptr
	want   uintptr
}

// What step.want can be, besides the result that the call must have.
const (
	wantSuccess  uintptr = 0
	wantAnything         = ^uintptr(0)
)

// futexWait is FUTEX_WAIT of futex(2), not FUTEX_PRIVATE.
const futexWait = 0

// clone makes a child that runs the program at s.first, with all signals
// blocked in both until the caller's mask is back. It returns the child's pid
// or a negative errno. It is not preempted.
//
//go:noescape
func clone(s *shared) int

// Start starts the program name. It covers what Covers says. The pidfd is
// close-on-exec; the caller owns it and the child, which is waited for like
// any other. The error is an *Error, syscall.EINVAL for a string that holds a
// NUL, or what a step said.
func Start(name string, argv []string, attr *syscall.ProcAttr) (pid, pidfd int, err error) {
	p := programs.Get().(*program)
	defer programs.Put(p)
	pid, pidfd, err = p.start(name, argv, attr, fetchRefused.Load())
	var failed *Error
	if errors.As(err, &failed) && failed.Call == callFetch {
		// Not permitted, or not by this parent: take the way that always works.
		if failed.Errno == syscall.EPERM || failed.Errno == syscall.ENOSYS {
			fetchRefused.Store(true)
		}
		pid, pidfd, err = p.start(name, argv, attr, true)
	}
	return pid, pidfd, err
}

// fetchRefused tells that pidfd_getfd(2) on the caller failed for good.
var fetchRefused atomic.Bool

var programs = sync.Pool{New: func() any { return new(program) }}

func (p *program) start(name string, argv []string, attr *syscall.ProcAttr, copyFiles bool) (pid, pidfd int, err error) {
	if err := p.build(name, argv, attr, copyFiles); err != nil {
		return 0, 0, err
	}
	defer p.reset()
	return p.run()
}

// run makes the child and waits until it has begun its program or failed.
func (p *program) run() (pid, pidfd int, err error) {
	s := &p.shared
	s.first = uintptr(unsafe.Pointer(&p.steps[0]))
	s.errno = 0
	s.every = ^uint64(0)
	s.args.flags |= unix.CLONE_VM | unix.CLONE_FILES | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_CHILD_CLEARTID
	s.args.pidfd = uint64(uintptr(unsafe.Pointer(&s.pidfd)))
	s.args.childTID = uint64(uintptr(unsafe.Pointer(&s.running)))
	s.args.exitSignal = uint64(syscall.SIGCHLD)
	atomic.StoreUint32(&s.running, 1)
	pid = clone(s)
	if pid < 0 {
		return 0, 0, &Error{"clone3", syscall.Errno(-pid)}
	}
	// The kernel clears the word and wakes its waiters when the child lets go
	// of our memory: at its exec or its end. The futex is a shared one.
	for atomic.LoadUint32(&s.running) != 0 {
		syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&s.running)), futexWait, 1, 0, 0, 0)
	}
	runtime.KeepAlive(p)
	pidfd = int(s.pidfd)
	if s.errno == 0 {
		return pid, pidfd, nil
	}
	for unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED, nil) == unix.EINTR {
	}
	unix.Close(pidfd)
	return 0, 0, &Error{p.call(s.failed), syscall.Errno(s.errno)}
}

// Works tells what of the package the system refuses, by trying it once: clone3
// with CLONE_CLEAR_SIGHAND (Linux 5.5) and close_range with
// CLOSE_RANGE_UNSHARE (5.9), either of which a seccomp filter may forbid.
var Works = sync.OnceValue(func() error {
	if err := learnLimit(); err != nil {
		return err
	}
	p := new(program)
	p.add("close_range", wantSuccess, unix.SYS_CLOSE_RANGE, 0, ^uintptr(0), unix.CLOSE_RANGE_UNSHARE)
	p.add("exit", wantSuccess, unix.SYS_EXIT_GROUP, 0)
	_, pidfd, err := p.run()
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	for {
		err := unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil && err != unix.ECHILD { // ECHILD: somebody else was faster
			return os.NewSyscallError("waitid(P_PIDFD)", err)
		}
		return nil
	}
})
