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
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/wardproc/ward/internal/parentthread"
	"golang.org/x/sys/unix"
)

// shared is the memory that the child reads. The assembly knows its offsets from
// go_asm.h, which the compiler writes.
type shared struct {
	running     uint32 // who waits for the child; the kernel clears it: see clone(2)
	pid         int32  // of the child, and 0 if there is none
	pidfd       int32  // of the child
	parentPidfd int32  // of its Parent, if it has one
	glances     uint32 // 1 if clone waits for the end of the first process, too, for a while
	exit        pollFd // whether that has ended
	glance      unix.Timespec
	glanceMask  uint64    // the signals that do not interrupt that: not SIGCHLD, if the caller takes it
	waits       uint32    // 1 if somebody waits until the child has let go of our memory, 0 if clone does
	duty        *uint32   // guardian.onDuty, if the child is offered to the guard
	places      *int32    // startList.places, if this start has one
	report      *failure  // where the child writes what failed
	own         failure   // the place for it of a child that shares our memory
	every       uint64    // a full signal mask
	mask        uint64    // the caller's signal mask
	first       uintptr   // the address of the first step
	call        cloneCall // which makes the child
	args        cloneArgs
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

// cloneCall is the system call that makes a process: clone3(2), or clone(2) where that is
// refused. The assembly knows its offsets.
type cloneCall struct {
	number uintptr
	args   [5]uintptr
	pid    uintptr // where a branch writes the number, as clone(2) does not
}

// set prepares the call. clone(2) writes the pidfd where it would write the number.
func (c *cloneCall) set(args *cloneArgs) {
	if !withoutClone3.Load() {
		*c = cloneCall{number: unix.SYS_CLONE3, args: [5]uintptr{uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args)}}
		c.pid = uintptr(args.parentTID)
		return
	}
	const only3 = unix.CLONE_CLEAR_SIGHAND | unix.CLONE_PARENT_SETTID
	*c = cloneCall{number: unix.SYS_CLONE, pid: uintptr(args.parentTID)}
	c.args[0] = uintptr(args.flags&^only3 | args.exitSignal)
	c.args[2] = uintptr(args.pidfd)
	c.args[3] = uintptr(args.childTID) // on amd64
	c.args[4] = uintptr(args.childTID) // on arm64
}

func cloneName() string {
	if withoutClone3.Load() {
		return "clone"
	}
	return "clone3"
}

// clone makes a child that runs the program at s.first, with all signals
// blocked in both. If s.waits is 1 it waits until the child has let go of our
// memory, at its exec or its end, or the guard waits for that. Then the caller gets its
// mask back. It returns the child's pid or a negative errno. It is not preempted.
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
// any other. The error is an *Error, or syscall.EINVAL for a string that holds a NUL.
func Child(name string, argv []string, attr *syscall.ProcAttr, how How) (
	pid, pidfd int, err error,
) {
	return makeChild(visible{thread{how.ParentThread}}, name, argv, attr, how)
}

// A maker is the parent of the child that a spawn program makes.
type maker interface {
	// begin says where the memory is that is to outlive the start, if there is any.
	begin(p *program) error

	// prepare sets the signal and the flags of the child's clone, and adds steps for
	// what the child does not have from the calling thread otherwise.
	prepare(p *program)

	// clone makes the first process of the start, in a place of starts, and notes its
	// number at pid.
	clone(p *program, pid *int32) error

	// settle is called when the child has let go of our memory, unless clone has failed.
	settle(p *program) error

	// reap waits for a process that is about to end, and closes its pidfd.
	reap(pidfd int)

	// abandon is called when a start has failed after begin.
	abandon()
}

func makeChild(m maker, name string, argv []string, attr *syscall.ProcAttr, how How) (
	pid, pidfd int, err error,
) {
	pid, pidfd, err = attempt(m, name, argv, attr, how, !mayFetch(attr.Files, how.Inherits))
	if failed, ok := errors.AsType[*Error](err); ok && failed.Call == callFetch {
		// It worked when it was tried. Now take the way that always does.
		pid, pidfd, err = attempt(m, name, argv, attr, how, true)
	}
	return pid, pidfd, err
}

var programs = sync.Pool{New: func() any { return newProgram() }}

// attempt makes the child in one of the two ways to get at files with high numbers.
func attempt(
	m maker, name string, argv []string, attr *syscall.ProcAttr, how How, copyFiles bool,
) (
	pid, pidfd int, err error,
) {
	p := programs.Get().(*program)
	defer p.free()
	p.inherits = how.Inherits
	if err := m.begin(p); err != nil {
		return 0, 0, err
	}
	defer func() {
		if err != nil {
			m.abandon()
		}
	}()
	if err := p.build(m, name, argv, attr, copyFiles); err != nil {
		return 0, 0, err
	}
	p.cancel = how.Cancel
	if !p.apart || p.parent != nil { // else the first process is one in between
		p.exited = how.Exited
	}
	if p.apart {
		return p.runApart(m)
	}
	return p.run(m)
}

// free gives the memory to the next start, unless the guard knows it.
func (p *program) free() {
	if !p.listed {
		p.reset()
		programs.Put(p)
	}
}

// run makes a child that shares our memory, and waits until it has begun its program
// or failed.
func (p *program) run(m maker) (pid, pidfd int, err error) {
	s := p.shared
	p.ready()
	s.report = &s.own
	p.first.pidfd = uint64(uintptr(unsafe.Pointer(&s.pidfd)))
	defer p.holdForkLock()()
	if hearsNoExec() {
		p.first.flags |= unix.CLONE_VFORK
		s.waits = 0
	}
	if err := p.clone(m); err != nil {
		return 0, 0, err
	}
	if s.own.step == 0 {
		return int(*p.pid), int(s.pidfd), nil
	}
	m.reap(int(s.pidfd))
	return 0, 0, p.failed(s.own)
}

// sharing is the flags of a clone that shares our memory, and our table until it takes
// its own. It clears a word when it lets go of the memory.
const sharing = unix.CLONE_VM | unix.CLONE_FILES | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_CHILD_CLEARTID

// ready sets what the clone of a process that shares our memory is to find.
func (p *program) ready() {
	s := p.shared
	p.begin()
	s.waits = 1
	s.duty, s.places = nil, nil
	atomic.StoreUint32(&s.running, unmade)
	p.pid, p.firstPID = &s.pid, &s.pid
	if p.apart {
		p.firstPID = &p.between.pid
	}
	if p.parent != nil {
		p.parent.lay(p)
	}
	p.first.flags |= sharing | unix.CLONE_PARENT_SETTID
	p.first.childTID = uint64(uintptr(unsafe.Pointer(&s.running)))
	p.first.parentTID = uint64(uintptr(unsafe.Pointer(p.firstPID)))
}

// begin sets what any child is to find.
func (p *program) begin() {
	s := p.shared
	s.first = uintptr(unsafe.Pointer(&p.steps[0]))
	s.own = failure{}
	s.pid, s.pidfd = 0, none
	s.every = ^uint64(0)
	s.glances, s.exit = 0, pollFd{events: unix.POLLIN}
	s.glance = unix.NsecToTimespec(int64(exitPatience))
	s.glanceMask = ^uint64(1 << (unix.SIGCHLD - 1))
	if p.branches {
		p.steps[0].args[1] = uintptr(unsafe.Pointer(&p.steps[p.other]))
	}
}

// clone makes the first process of the start, and waits until the one that begins the
// program has let go of our memory.
func (p *program) clone(m maker) error {
	defer runtime.KeepAlive(p)
	pid := p.firstPID
	p.shared.call.set(&p.shared.args)
	p.branchCall.set(&p.branched)
	if p.parent != nil {
		pid = &p.parent.number
		if hearsNoExec() {
			p.shared.waits = 0
		}
		p.parent.call.set(&p.parent.child)
	}
	err := m.clone(p, pid)
	switch {
	case err != nil:
		atomic.StoreUint32(&p.shared.running, released)
	case p.parent != nil && p.shared.waits == 0:
		p.parent.awaitByGlances()
	}
	starts.await(p)
	if err != nil {
		return err
	}
	if p.exited != nil {
		*p.exited = p.shared.exit.revents != 0
	}
	return m.settle(p)
}

func (p *program) failed(f failure) error {
	return &Error{p.call(f.step), syscall.Errno(f.errno)}
}

// visible makes ordinary children of this program: any wait sees them.
type visible struct{ thread }

func (visible) prepare(p *program) { p.setExitSignal(syscall.SIGCHLD) }

// cloneHere makes a child of this program.
func cloneHere(s *shared, pid *int32) error {
	result := cloneInCall(s)
	if result < 0 {
		return &Error{cloneName(), syscall.Errno(-result)}
	}
	*pid = int32(result) // which clone(2) does not write itself
	s.endVfork()
	return nil
}

// endVfork is called when the child is made: then a call with CLONE_VFORK has waited.
func (s *shared) endVfork() {
	if s.args.flags&unix.CLONE_VFORK != 0 {
		atomic.StoreUint32(&s.running, released)
	}
}

// A thread is what makes the children of this program. Those that get a signal when it
// ends are made by the parent thread, which the caller of this package holds.
type thread struct{ parent bool }

func (t thread) clone(p *program, pid *int32) error {
	starts.enter(p, t.parent)
	if t.parent {
		return parentthread.Programs.Call(func() error { return cloneHere(p.shared, pid) })
	}
	return cloneHere(p.shared, pid)
}

func (thread) begin(*program) error { return nil }

func (thread) settle(*program) error { return nil }

func (thread) reap(pidfd int) { reap(pidfd) }

func (thread) abandon() {}

// reap waits for a child that nobody is to hear of, and closes its pidfd. Without
// __WALL there is none that has not yet executed anything and raises no signal. The
// kernel may have reaped the child already, if it does so by itself.
func reap(pidfd int) {
	for unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED|unix.WALL, nil) == unix.EINTR {
	}
	unix.Close(pidfd)
}
