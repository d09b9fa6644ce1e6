//go:build linux && (amd64 || arm64)

// Package spawn makes children on Linux at a cost that does not depend on how
// much memory, how many descriptors and how many children the caller has.
//
// Each layer has its verb. Package ward starts a child: that gives a handle. This
// package makes one: that gives a pid and a pidfd. To make a child it builds a spawn
// program, clones a process, and has that run the program, whose last step executes
// the child's own.
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

	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// shared is the memory that the child reads and writes. The assembly knows its
// offsets from go_asm.h, which the compiler writes.
type shared struct {
	running uint32 // the child's, until the kernel clears it: see clone3
	pid     int32  // of the child, and 0 if there is none
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
	_          [5]uint64 // stack, stack_size, tls, set_tid, set_tid_size
	cgroup     uint64
}

// clone makes a child that runs the program at s.first, with all signals
// blocked in both until the caller's mask is back. It returns the child's pid
// or a negative errno. It is not preempted.
func clone(s *shared) int

// Child makes a child that executes the program name. It covers what Covers says. The
// pidfd is // close-on-exec; the caller owns it and the child, which is waited for like
// any other. The error is an *Error, or syscall.EINVAL for a string that holds
// a NUL.
func Child(name string, argv []string, attr *syscall.ProcAttr) (pid, pidfd int, err error) {
	return makeChild(visible{}, name, argv, attr)
}

// A maker makes the child of a spawn program and is its parent.
type maker interface {
	// PID is the parent's own.
	PID() int

	// prepare adds steps for what the child does not have from the calling
	// thread otherwise.
	prepare(p *program)

	// clone makes the child, of which it sets the signal at its exit. s.pid is
	// set if there is a child, also if there is an error.
	clone(s *shared) error

	// reap waits for a child that is about to end, and closes its pidfd.
	reap(pidfd int)
}

func makeChild(m maker, name string, argv []string, attr *syscall.ProcAttr) (pid, pidfd int, err error) {
	p := programs.Get().(*program)
	defer programs.Put(p)
	pid, pidfd, err = p.attempt(m, name, argv, attr, !mayFetch(attr.Files))
	var failed *Error
	if errors.As(err, &failed) && failed.Call == callFetch {
		// It worked when it was tried. Now take the way that always does.
		pid, pidfd, err = p.attempt(m, name, argv, attr, true)
	}
	return pid, pidfd, err
}

var programs = sync.Pool{New: func() any { return new(program) }}

// attempt makes the child in one of the two ways to get at files with high numbers.
func (p *program) attempt(m maker, name string, argv []string, attr *syscall.ProcAttr, copyFiles bool) (pid, pidfd int, err error) {
	defer p.reset()
	if err := p.build(m, name, argv, attr, copyFiles); err != nil {
		return 0, 0, err
	}
	return p.run(m)
}

// run makes the child and waits until it has begun its program or failed.
func (p *program) run(m maker) (pid, pidfd int, err error) {
	s := &p.shared
	p.ready()
	if err := m.clone(s); err != nil && s.pid == 0 {
		return 0, 0, err
	}
	// The kernel clears the word and wakes its waiters when the child lets go
	// of our memory: at its exec or its end. The futex is a shared one.
	for atomic.LoadUint32(&s.running) != 0 {
		futexWait(&s.running, 1, nil)
	}
	runtime.KeepAlive(p)
	if s.errno == 0 {
		return int(s.pid), int(s.pidfd), nil
	}
	m.reap(int(s.pidfd))
	return 0, 0, &Error{p.call(s.failed), syscall.Errno(s.errno)}
}

// ready sets what a clone is to find in shared.
func (p *program) ready() {
	s := &p.shared
	s.first = uintptr(unsafe.Pointer(&p.steps[0]))
	s.errno = 0
	s.pid = 0
	s.every = ^uint64(0)
	s.args.flags |= unix.CLONE_VM | unix.CLONE_FILES | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID
	s.args.pidfd = uint64(uintptr(unsafe.Pointer(&s.pidfd)))
	s.args.parentTID = uint64(uintptr(unsafe.Pointer(&s.pid)))
	s.args.childTID = uint64(uintptr(unsafe.Pointer(&s.running)))
	atomic.StoreUint32(&s.running, 1)
}

// visible makes ordinary children of this program: any wait sees them.
type visible struct{}

func (visible) PID() int { return os.Getpid() }

func (visible) prepare(*program) {}

func (visible) clone(s *shared) error {
	s.args.exitSignal = uint64(syscall.SIGCHLD)
	return cloneHere(s)
}

// cloneHere makes a child of this program.
func cloneHere(s *shared) error {
	if pid := clone(s); pid < 0 {
		return &Error{"clone3", syscall.Errno(-pid)}
	}
	return nil
}

func (visible) reap(pidfd int) { reap(pidfd, 0) }

// trial makes children that show what the system has: they do not raise SIGCHLD,
// and only a wait with __WALL sees them.
type trial struct{ visible }

func (trial) clone(s *shared) error {
	s.args.exitSignal = 0
	return cloneHere(s)
}

func (trial) reap(pidfd int) { reap(pidfd, unix.WALL) }

// reap waits for a child that nobody is to hear of, and closes its pidfd.
func reap(pidfd, options int) {
	for unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED|options, nil) == unix.EINTR {
	}
	unix.Close(pidfd)
}

// Works tells what of the package the system refuses, by trying it: clone3 with
// CLONE_CLEAR_SIGHAND (Linux 5.5) and close_range with CLOSE_RANGE_UNSHARE
// (5.9), either of which a seccomp filter may forbid.
func Works() error { return works.Err() }

var works = probe.Probe{Try: func() error {
	return try(trial{}, func(p *program) { p.unshare(0) })
}}

// try runs a program that has no effect but what add appends, and says which
// step failed. A filter that kills does not get away as a success.
func try(m maker, add func(*program)) error {
	const end = "the end"
	p := programs.Get().(*program)
	defer programs.Put(p)
	defer p.reset()
	add(p)
	p.add(end, impossible, unix.SYS_GETPPID)
	_, pidfd, err := p.run(m)
	var failed *Error
	if errors.As(err, &failed) && failed.Call == end {
		return nil
	}
	if err == nil {
		err = killed(p.calls[0], pidfd)
		m.reap(pidfd)
	}
	return err
}

// impossible is a result that no system call has.
const impossible = 1 << 62
