//go:build linux && (amd64 || arm64)

package spawn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/wardproc/ward/internal/lockorder"
	"github.com/wardproc/ward/internal/parentthread"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"golang.org/x/sys/unix"
)

// A Keeper is a process that makes system calls for this program, one after the
// other, and so is the parent of the children that it makes: a wait in this
// program does not see them, and their SIGCHLD does not come here.
//
// It shares this program's memory, descriptors and working directory, so there
// is nothing to send to and fro: a child's pidfd is ours at once. It is an
// endless spawn program. A wait does not see it either, but for one with __WALL
// or __WCLONE, as its exit raises no signal and it never executes anything. All
// signals but SIGKILL and SIGSTOP are blocked in it.
//
// It ends when it sees this program's end, and by PR_SET_PDEATHSIG: the one
// works also when the program has given up the right to kill it, the other
// also when the program executes another one.
type Keeper struct {
	mu      lockorder.Mutex[lockorder.Keeper] // held over an order; guards the fields below
	order   order
	info    pidfds.Siginfo // what Wait asks for
	usage   syscall.Rusage
	program program // its own

	ordered atomic.Int64 // when the last order was given, as in time.Time.UnixNano

	number   int // its pid
	pidfd    int
	identity identity // like the rest, as it was when the keeper started
	ignored  uint64
	name     [16]byte
}

// order is one system call for a keeper. The assembly knows its offsets from
// go_asm.h, which the compiler writes.
type order struct {
	program pollFd // this program's own pidfd
	bell    pollFd // an eventfd that tells of an order
	rung    uint64 // what the keeper reads from it
	asked   uint32 // 1 until there is an answer; a futex
	shared  uintptr
	number  uintptr
	args    [5]uintptr
	result  uintptr
}

// pollFd is struct pollfd of poll(2).
type pollFd struct {
	fd      int32
	events  int16
	revents int16
}

// takeOrders is the number of the last step of a keeper's program, which is no
// system call: its argument is the address of the order.
const takeOrders = 1 << 30

// ErrGone is returned when the keeper has been killed. Its children go on, as
// those of the process that takes orphans.
var ErrGone = errors.New("the keeper of private children was killed")

// StartKeeper starts a keeper, which is to be used when it is Ready. It is killed when
// the calling thread ends, which therefore is to live for as long. End ends it.
func StartKeeper() (*Keeper, error) {
	identity, err := ownIdentity()
	if err != nil {
		return nil, err
	}
	k := &Keeper{identity: identity, ignored: ignoredSignals() &^ bit(unix.SIGCHLD), pidfd: -1}
	if err := k.order.open(); err != nil {
		return nil, err
	}
	copy(k.name[:], "ward-keeper")
	p := &k.program
	// The zombies are to stay until Wait takes them.
	p.setAction(unix.SIGCHLD, false)
	if withoutClone3.Load() {
		p.resetHandled()
	}
	p.add("prctl(PR_SET_NAME)", wantSuccess, unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&k.name)))
	p.add("prctl(PR_SET_PDEATHSIG)", wantSuccess, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	p.add("", wantAnything, takeOrders, uintptr(unsafe.Pointer(&k.order)))
	p.ready()
	s := &p.shared
	s.waits = 0
	s.report = &s.own
	s.args.flags |= unix.CLONE_FS | unix.CLONE_PARENT_SETTID
	s.args.pidfd = uint64(uintptr(unsafe.Pointer(&s.pidfd)))
	s.args.parentTID = uint64(uintptr(unsafe.Pointer(&s.pid)))
	s.call.set(&s.args)
	if err := cloneHere(s, &s.pid); err != nil {
		k.order.close()
		return nil, err
	}
	k.number, k.pidfd = int(s.pid), int(s.pidfd)
	return k, nil
}

// Ready waits until the keeper takes orders. After an error there is nothing but End.
func (k *Keeper) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.call(nil, unix.SYS_GETPID)
	if failed := k.program.shared.own; err != nil && failed.step != 0 {
		return k.program.failed(failed)
	}
	return err
}

// Keeps tells what the system refuses of what a keeper needs besides what Works
// says: pidfd_open, which a seccomp filter may forbid, and /proc.
func Keeps() error {
	if _, err := ownIdentity(); err != nil {
		return err
	}
	var o order
	if err := o.open(); err != nil {
		return err
	}
	o.close()
	return nil
}

// Child is the package's Child for one of the keeper's. It takes from it, and not from the
// calling thread, its namespaces, cgroup, scheduling and security modules. The
// error is ErrGone if the keeper is.
func (k *Keeper) Child(name string, argv []string, attr *syscall.ProcAttr, how How) (
	pid, pidfd int, err error,
) {
	return makeChild(k, name, argv, attr, how.Inherits)
}

// PID returns the keeper's process id.
func (k *Keeper) PID() int { return k.number }

// Fits reports whether the keeper's children have the ids, the limits and so on
// that children of the calling thread would have.
func (k *Keeper) Fits() (bool, error) {
	own, err := ownIdentity()
	if err != nil || k.identity != own {
		return false, err
	}
	// A thread that nobody is locked to has the namespaces of all others.
	return !parentthread.CallerIsLocked() || sameNamespaces(k.number), nil
}

// Wait wraps waitid(2) for children of the keeper. options must have WNOHANG; but
// somebody may have stopped the keeper, and then Wait waits for that to be over.
func (k *Keeper) Wait(
	idType, id int, info *pidfds.Siginfo, options int, usage *syscall.Rusage,
) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.info, k.usage = pidfds.Siginfo{}, syscall.Rusage{}
	err := k.call(nil, unix.SYS_WAITID, uintptr(idType), uintptr(id),
		uintptr(unsafe.Pointer(&k.info)), uintptr(options), uintptr(unsafe.Pointer(&k.usage)))
	if k.info.Found() {
		err = nil // also if it was killed before it could say so
	}
	*info, *usage = k.info, k.usage
	return err
}

// Gone reports whether the keeper has been killed and its children have another
// parent, whom they get before the pidfd becomes readable. A little earlier, when
// its memory is gone, nobody can wait for them. gVisor clears no word of a process that
// a signal kills.
func (k *Keeper) Gone() bool {
	return (atomic.LoadUint32(&k.program.shared.running) == 0 || hearsNoExec()) && k.goneWithin(0)
}

func (k *Keeper) goneWithin(d time.Duration) bool {
	return pidfds.ExitedWithin(k.pidfd, int(d.Milliseconds()))
}

const (
	// patience is how long nothing need be heard of a keeper before it is looked at.
	patience = 10 * time.Millisecond

	// deafness is after how long without an answer a keeper is taken for one that
	// somebody has stopped. SIGCONT has had no effect by then.
	deafness = 100 * time.Millisecond
)

// Answers reports whether the keeper is likely to make a child at once. It does not if
// somebody holds it by ptrace(2), or has frozen its cgroup.
func (k *Keeper) Answers() bool {
	for {
		asked := k.asked() // first: the time is that of this order, or of a later one
		silence := time.Since(time.Unix(0, k.ordered.Load()))
		switch {
		case silence < patience:
			return true
		case asked && silence > deafness:
			return false
		}
		if answers, known := k.tryAsk(); known {
			return answers
		}
		time.Sleep(time.Millisecond)
	}
}

// tryAsk asks the keeper for a sign of life, if nobody else has an order for it.
func (k *Keeper) tryAsk() (answers, known bool) {
	if !k.mu.TryLock() {
		return false, false
	}
	defer k.mu.Unlock()
	if !k.asked() { // else it has been asked before, in vain
		k.ask(nil, unix.SYS_GETPID)
	}
	return k.await(time.Unix(0, k.ordered.Load()).Add(deafness)) == nil, true
}

// asked reports whether there is an order without an answer.
func (k *Keeper) asked() bool { return atomic.LoadUint32(&k.order.asked) != 0 }

// wake goes on with a keeper that somebody has stopped.
func (k *Keeper) wake() { pidfds.Signal(k.pidfd, unix.SIGCONT) }

// End ends a keeper that has no children, or reaps one that is gone. It is
// called once, and may wait for as long as somebody has stopped the keeper.
func (k *Keeper) End() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		if !k.asked() {
			k.ask(nil, unix.SYS_EXIT_GROUP, 0)
		}
		if k.goneWithin(patience) {
			break
		}
		// Which ends one that is stopped, too, but might be refused, after the program
		// has given up privileges.
		pidfds.Signal(k.pidfd, unix.SIGKILL)
	}
	reap(k.pidfd)
	k.order.close()
}

// prepare has the child block and ignore the signals that this program does. The
// rest it has from the keeper, and Fits tells whether that is the same.
func (k *Keeper) prepare(p *program) {
	p.setExitSignal(syscall.SIGCHLD)
	readMask(&p.shared.mask)
	now := ignoredSignals()
	for sig := firstSignal; sig <= lastSignal; sig++ {
		if ignore := now & bit(sig); ignore != k.ignored&bit(sig) {
			p.setAction(sig, ignore != 0)
		}
	}
}

// clone takes a place when the child is made: a keeper that has been stopped keeps its own
// children waiting.
func (k *Keeper) clone(p *program, pid *int32) error {
	s := &p.shared
	err := k.makeChild(s, pid)
	if err != nil && *pid != 0 && hearsNoExec() {
		// The keeper has been killed while it waited for the exec, and tells of none.
		for !pidfds.ExitedWithin(int(s.pidfd), 1) && !k.executed(int(*pid)) {
		}
		atomic.StoreUint32(&s.running, released)
	}
	starts.enter(p, false)
	defer atomic.AddInt32(s.places, -1)
	if *pid != 0 {
		atomic.CompareAndSwapUint32(&s.running, unmade, waited)
	}
	for atomic.LoadUint32(&s.running) == waited {
		futexWait(&s.running, waited, nil)
	}
	return err
}

// executed reports whether a child runs another program than the keeper: it has another
// name, or file.
func (k *Keeper) executed(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return false
	}
	own, _ := os.Readlink("/proc/self/exe")
	file, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return string(bytes.TrimRight(text, "\n")) != unix.ByteSliceToString(k.name[:]) || err == nil && file != own
}

func (k *Keeper) makeChild(s *shared, pid *int32) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.call(s, s.call.number, s.call.args[:]...)
	if errno, ok := err.(syscall.Errno); ok {
		return &Error{cloneName(), errno}
	}
	if err == nil {
		*pid = int32(k.order.result)
		s.endVfork()
	}
	return err
}

// reap waits itself for the end: an order that takes time would keep all others
// waiting.
func (k *Keeper) reap(pidfd int) {
	pidfds.ExitedWithin(pidfd, -1)
	var info pidfds.Siginfo
	const options = unix.WEXITED | unix.WNOHANG | unix.WALL
	if k.Wait(unix.P_PIDFD, pidfd, &info, options, new(syscall.Rusage)) == ErrGone {
		reap(pidfd) // it may be this program that orphans come to
		return
	}
	unix.Close(pidfd)
}

// call has the keeper make a system call; s is what a child of it is to run.
func (k *Keeper) call(s *shared, number uintptr, args ...uintptr) error {
	if k.Gone() {
		return ErrGone
	}
	if err := k.await(time.Time{}); err != nil { // what tryAsk has asked in vain
		return err
	}
	k.ask(s, number, args...)
	if err := k.await(time.Time{}); err != nil {
		return err
	}
	if r := int(k.order.result); r < 0 {
		return syscall.Errno(-r)
	}
	return nil
}

// await waits for an answer, until the deadline if there is one.
func (k *Keeper) await(deadline time.Time) error {
	limit := unix.NsecToTimespec(int64(patience))
	for k.asked() {
		if k.Gone() {
			return ErrGone
		}
		if futexWait(&k.order.asked, 1, &limit) != unix.ETIMEDOUT {
			continue
		}
		if !deadline.IsZero() && time.Now().After(deadline) {
			return os.ErrDeadlineExceeded
		}
		k.wake()
	}
	return nil
}

func (k *Keeper) ask(s *shared, number uintptr, args ...uintptr) {
	o := &k.order
	o.shared = uintptr(unsafe.Pointer(s))
	o.number = number
	o.args = [5]uintptr{}
	copy(o.args[:], args)
	k.ordered.Store(time.Now().UnixNano())
	atomic.StoreUint32(&o.asked, 1)
	unix.Write(int(o.bell.fd), one)
}

// one is what an eventfd takes as the number 1, in any byte order.
var one = binary.NativeEndian.AppendUint64(nil, 1)

// open opens what the keeper is to poll.
func (o *order) open() error {
	program, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(program)
		return os.NewSyscallError("eventfd", err)
	}
	o.program = pollFd{fd: int32(program), events: unix.POLLIN}
	o.bell = pollFd{fd: int32(bell), events: unix.POLLIN}
	return nil
}

func (o *order) close() {
	unix.Close(int(o.program.fd))
	unix.Close(int(o.bell.fd))
}
