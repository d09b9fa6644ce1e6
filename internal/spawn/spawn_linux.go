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
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/wardproc/ward/internal/probe"
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
	_          uint64 // parent_tid
	exitSignal uint64
	_          [5]uint64 // stack, stack_size, tls, set_tid, set_tid_size
	cgroup     uint64
}

// futexWait is FUTEX_WAIT of futex(2), not FUTEX_PRIVATE.
const futexWait = 0

// clone makes a child that runs the program at s.first, with all signals
// blocked in both until the caller's mask is back. It returns the child's pid
// or a negative errno. It is not preempted.
func clone(s *shared) int

// Start starts the program name. It covers what Covers says. The pidfd is
// close-on-exec; the caller owns it and the child, which is waited for like
// any other. The error is an *Error, or syscall.EINVAL for a string that holds
// a NUL.
func Start(name string, argv []string, attr *syscall.ProcAttr) (pid, pidfd int, err error) {
	p := programs.Get().(*program)
	defer programs.Put(p)
	pid, pidfd, err = p.start(name, argv, attr, !mayFetch(attr.Files))
	var failed *Error
	if errors.As(err, &failed) && failed.Call == callFetch {
		// It worked when it was tried. Now take the way that always does.
		pid, pidfd, err = p.start(name, argv, attr, true)
	}
	return pid, pidfd, err
}

var programs = sync.Pool{New: func() any { return new(program) }}

func (p *program) start(name string, argv []string, attr *syscall.ProcAttr, copyFiles bool) (pid, pidfd int, err error) {
	defer p.reset()
	if err := p.build(name, argv, attr, copyFiles); err != nil {
		return 0, 0, err
	}
	return p.run(syscall.SIGCHLD)
}

// run makes the child and waits until it has begun its program or failed. A
// child that fails tells of its end with exitSignal, or not at all if that is 0.
func (p *program) run(exitSignal syscall.Signal) (pid, pidfd int, err error) {
	s := &p.shared
	s.first = uintptr(unsafe.Pointer(&p.steps[0]))
	s.errno = 0
	s.every = ^uint64(0)
	s.args.flags |= unix.CLONE_VM | unix.CLONE_FILES | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_CHILD_CLEARTID
	s.args.pidfd = uint64(uintptr(unsafe.Pointer(&s.pidfd)))
	s.args.childTID = uint64(uintptr(unsafe.Pointer(&s.running)))
	s.args.exitSignal = uint64(exitSignal)
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
	reap(pidfd)
	return 0, 0, &Error{p.call(s.failed), syscall.Errno(s.errno)}
}

// reap waits for a child that is not to be seen by the caller, and closes its
// pidfd.
func reap(pidfd int) {
	for unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED|unix.WALL, nil) == unix.EINTR {
	}
	unix.Close(pidfd)
}

// Works tells what of the package the system refuses, by trying it: clone3 with
// CLONE_CLEAR_SIGHAND (Linux 5.5) and close_range with CLOSE_RANGE_UNSHARE
// (5.9), either of which a seccomp filter may forbid.
func Works() error { return works.Err() }

var works = probe.Probe{Try: func() error {
	if err := learnLimit(); err != nil {
		return err
	}
	return try(func(p *program) { p.unshare(0) })
}}

// try runs a program that has no effect but what add appends, and says which
// step failed. A filter that kills does not get away as a success. The child is
// not seen by other code in the program: no signal, no wait without __WALL.
func try(add func(*program)) error {
	const end = "the end"
	p := programs.Get().(*program)
	defer programs.Put(p)
	defer p.reset()
	add(p)
	p.add(end, impossible, unix.SYS_GETPPID)
	_, pidfd, err := p.run(0)
	var failed *Error
	if errors.As(err, &failed) && failed.Call == end {
		return nil
	}
	if err == nil {
		reap(pidfd)
		err = fmt.Errorf("%s: killed: %w", p.calls[0], errors.ErrUnsupported)
	}
	return err
}

// impossible is a result that no system call has.
const impossible = 1 << 62
