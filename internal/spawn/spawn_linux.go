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
// prepared before. A child that changes its ids has memory of its own: see runApart.
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

// shared is the memory that the child reads. The assembly knows its offsets from
// go_asm.h, which the compiler writes.
type shared struct {
	running uint32     // the child's, until the kernel clears it: see clone3
	pid     int32      // of the child, and 0 if there is none
	pidfd   int32      // of the child
	waits   uint32     // 1 if clone returns when the child has let go of our memory
	report  *failure   // where the child writes what failed
	own     failure    // the place for it of a child that shares our memory
	every   uint64     // a full signal mask
	mask    uint64     // the caller's signal mask
	first   uintptr    // the address of the first step
	call    [3]uintptr // number and arguments of the system call that makes the child
	args    cloneArgs
}

// failure is what a child tells of a step that failed.
type failure struct {
	errno uintptr
	step  uintptr // its address, and 0 if none failed
	table uint64  // not 0 once the child has its table: see tellTable
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
// blocked in both. If s.waits is 1 it waits until the child has let go of our
// memory: at its exec or its end. Then the caller gets its mask back. It returns
// the child's pid or a negative errno. It is not preempted.
//
//go:noescape
func clone(s *shared) int

// cloneInCall is clone as a system call in the eyes of the Go runtime: its P is free
// meanwhile.
//
// The wait cannot be an ordinary futex call of Go. A program that changes its ids
// (syscall.Setuid) must not go on while a child with the old ones shares its memory.
// So the signal by which the change reaches each thread has to wait in the thread
// that waits for the child, as it does in vfork(2) with os/exec. But Go code needs a
// P to take its mask back, and the program that changes its ids has stopped the
// world. Assembly needs none.
//
// entersyscall and exitsyscall are what package syscall calls; the runtime keeps them
// linkable for gvisor.dev/gvisor (golang/go#67401).
//
//go:nosplit
//go:norace
func cloneInCall(s *shared) int {
	entersyscall()
	pid := clone(s)
	exitsyscall()
	return pid
}

//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// Child makes a child that executes the program name. It covers what Covers says. The
// pidfd is close-on-exec; the caller owns it and the child, which is waited for like
// any other. If it inherits, it gets the descriptors without close-on-exec, too: see
// inheritTable. The error is an *Error, or syscall.EINVAL for a string that holds a NUL.
func Child(name string, argv []string, attr *syscall.ProcAttr, inherits bool) (
	pid, pidfd int, err error,
) {
	return makeChild(visible{}, name, argv, attr, inherits)
}

// A maker is the parent of the child that a spawn program makes.
type maker interface {
	// PID is the parent's own.
	PID() int

	// prepare sets the signal and the flags of the child's clone, and adds steps for
	// what the child does not have from the calling thread otherwise.
	prepare(p *program)

	// clone makes the process that begins the program. s.pid is set if there is a
	// child, also if there is an error.
	clone(s *shared) error

	// reap waits for a process that is about to end, and closes its pidfd.
	reap(pidfd int)
}

func makeChild(m maker, name string, argv []string, attr *syscall.ProcAttr, inherits bool) (
	pid, pidfd int, err error,
) {
	p := programs.Get().(*program)
	defer programs.Put(p)
	pid, pidfd, err = p.attempt(m, name, argv, attr, inherits, !mayFetch(attr.Files, inherits))
	var failed *Error
	if errors.As(err, &failed) && failed.Call == callFetch {
		// It worked when it was tried. Now take the way that always does.
		pid, pidfd, err = p.attempt(m, name, argv, attr, inherits, true)
	}
	return pid, pidfd, err
}

var programs = sync.Pool{New: func() any { return new(program) }}

// attempt makes the child in one of the two ways to get at files with high numbers.
func (p *program) attempt(
	m maker, name string, argv []string, attr *syscall.ProcAttr, inherits, copyFiles bool,
) (
	pid, pidfd int, err error,
) {
	defer p.reset()
	p.inherits = inherits
	if err := p.build(m, name, argv, attr, copyFiles); err != nil {
		return 0, 0, err
	}
	if p.apart {
		return p.runApart(m)
	}
	return p.run(m)
}

// run makes a child that shares our memory, and waits until it has begun its program
// or failed.
func (p *program) run(m maker) (pid, pidfd int, err error) {
	s := &p.shared
	p.ready()
	s.report = &s.own
	s.args.flags |= unix.CLONE_PARENT_SETTID
	s.args.pidfd = uint64(uintptr(unsafe.Pointer(&s.pidfd)))
	s.args.parentTID = uint64(uintptr(unsafe.Pointer(&s.pid)))
	defer p.holdForkLock()()
	if err := m.clone(s); err != nil && s.pid == 0 {
		return 0, 0, err
	}
	p.await()
	if s.own.step == 0 {
		return int(s.pid), int(s.pidfd), nil
	}
	m.reap(int(s.pidfd))
	return 0, 0, p.failed(s.own)
}

// ready sets what the clone of a process that shares our memory is to find.
func (p *program) ready() {
	s := &p.shared
	p.begin()
	s.waits = 1
	s.args.flags |= unix.CLONE_VM | unix.CLONE_FILES | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_CHILD_CLEARTID
	s.args.childTID = uint64(uintptr(unsafe.Pointer(&s.running)))
	s.call = [3]uintptr{unix.SYS_CLONE3, uintptr(unsafe.Pointer(&s.args)), unsafe.Sizeof(s.args)}
	atomic.StoreUint32(&s.running, 1)
}

// begin sets what any child is to find.
func (p *program) begin() {
	s := &p.shared
	s.first = uintptr(unsafe.Pointer(&p.steps[0]))
	s.own = failure{}
	s.pid = 0
	s.every = ^uint64(0)
	if p.branches {
		p.steps[0].args[2] = uintptr(unsafe.Pointer(&p.steps[p.other]))
	}
}

// await waits until the process that was cloned has let go of our memory. It has,
// where clone waited. The kernel clears the word and wakes its waiters; the futex is
// a shared one.
func (p *program) await() {
	for atomic.LoadUint32(&p.shared.running) != 0 {
		futexWait(&p.shared.running, 1, nil)
	}
	runtime.KeepAlive(p)
}

func (p *program) failed(f failure) error {
	return &Error{p.call(f.step), syscall.Errno(f.errno)}
}

// visible makes ordinary children of this program: any wait sees them.
type visible struct{}

func (visible) PID() int { return os.Getpid() }

func (visible) prepare(p *program) { p.setExitSignal(syscall.SIGCHLD) }

func (visible) clone(s *shared) error { return cloneHere(s) }

// cloneHere makes a child of this program.
func cloneHere(s *shared) error {
	if pid := cloneInCall(s); pid < 0 {
		return &Error{"clone3", syscall.Errno(-pid)}
	}
	return nil
}

func (visible) reap(pidfd int) { reap(pidfd) }

// reap waits for a child that nobody is to hear of, and closes its pidfd. Without
// __WALL there is none that has not yet executed anything and raises no signal. The
// kernel may have reaped the child already, if it does so by itself.
func reap(pidfd int) {
	for unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED|unix.WALL, nil) == unix.EINTR {
	}
	unix.Close(pidfd)
}
