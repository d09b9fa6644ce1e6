//go:build linux && (amd64 || arm64)

package spawn

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/wardproc/ward/internal/lockorder"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// A Parent is a process that is the parent of one private child: a wait in this program
// does not see that child, and its SIGCHLD does not come here. docs/private.md tells why
// it is as it is.
//
// It is a clone of the thread that starts the child, and shares our memory and, until it
// has made the child, our descriptors. It runs steps like the child, ends with it, and
// leaves what it has learnt in this block. A wait does not see it either, but for one
// with __WALL or __WCLONE, as its exit raises no signal and it executes nothing while
// this program is what it was. All signals but SIGKILL and SIGSTOP are blocked in it.
//
// The block stays where it is, and its process writes to it, until Reap.
type Parent struct {
	shared shared    // what the parent and the child read until the child's exec
	child  cloneArgs // of the process that the parent clones
	call   cloneCall // by which
	ready  uint64    // not 0 once the parent has a table of its own: see layReady
	number int32     // of the parent
	began  int32     // the number of the process that it has cloned, where clone(2) does
	polls  [3]pollFd
	limit  unix.Timespec
	caps   [2]unix.CapUserData // what it keeps
	info   pidfds.Siginfo      // how the child has ended
	usage  syscall.Rusage

	steps *[maxParentSteps]step
	count int   // of steps
	made  *step // that clones a process

	lifeline *lifeline
	pidfd    pidfds.Descriptor
	pid      int
	reaped   bool
}

const maxParentSteps = 44

// parentSteps are those of parents that are gone.
var parentSteps = sync.Pool{New: func() any { return new([maxParentSteps]step) }}

// pollFd is struct pollfd of poll(2).
type pollFd struct {
	fd      int32
	events  int16
	revents int16
}

// What a parent polls.
const (
	pollChild = iota
	pollProgram
	pollLifeline
)

// jumpIf is the number of a step that is no system call: if the 16 bits at the first
// argument are not 0, the next step is the one at the second.
const jumpIf = 1 << 30

// storePID is the number of a step that writes the process's own to the first argument.
const storePID = 1 << 28

// sealPatience is how old a child is when its parent seals itself. That takes a fifth
// of the time of a start, which short children do without.
const sealPatience = 10 * time.Millisecond

// errKilled is returned when somebody has killed the parent during the start.
var errKilled = errors.New("the parent of the private child was killed")

// PrivateChild is Child for one that has a Parent, by which its end is heard of and told.
func PrivateChild(name string, argv []string, attr *syscall.ProcAttr, how How) (
	pid, pidfd int, parent *Parent, err error,
) {
	m := new(private)
	if pid, pidfd, err = makeChild(m, name, argv, attr, how); err != nil {
		return 0, 0, nil, err
	}
	return pid, pidfd, m.parent, nil
}

// HasParents tells what the system refuses of what a Parent needs besides what Works
// says.
func HasParents() error { return hasParents.Err() }

var hasParents = probe.Probe{Try: func() error {
	if err := pidNamespaceElsewhere(); err != nil {
		return probe.Passing(err) // this goroutine is on a thread like most; and somebody may mount /proc
	}
	if err := pidfds.Opens(); err != nil {
		return err
	}
	line, err := newLifeline()
	if err != nil {
		return err
	}
	defer line.close()
	var at unix.Timespec
	return try(func(p *program) {
		p.unshare(0)
		p.add("set_tid_address", wantAnything, unix.SYS_SET_TID_ADDRESS, 0)
		p.add("ppoll", wantSuccess, unix.SYS_PPOLL, 0, 0, uintptr(unsafe.Pointer(&at)), 0, maskSize)
	})
}}

// parents are those that live.
var parents parentList

type parentList struct {
	mu        lockorder.Mutex[lockorder.Parents] // guards the fields below
	live      map[int]*Parent                    // keeps the blocks in memory, too
	lifeline  *lifeline                          // of parents to come
	idleSince time.Time                          // when it had its last user
	expiring  bool                               // expire will be called
}

// IsParent reports whether a child of this number is a Parent.
func IsParent(pid int) bool {
	parents.mu.Lock()
	defer parents.mu.Unlock()
	return parents.live[pid] != nil
}

// enter notes a parent that was made.
func (l *parentList) enter(q *Parent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live == nil {
		l.live = make(map[int]*Parent)
	}
	l.live[q.pid] = q
}

// leave is called when a parent has been reaped, or was not made.
func (l *parentList) leave(q *Parent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live[q.pid] == q {
		delete(l.live, q.pid)
	}
	l.releaseLifeline(q.lifeline)
}

// private makes a child by a parent.
type private struct{ parent *Parent }

func (m *private) begin(p *program) error {
	if err := mayHaveParent(); err != nil {
		return err
	}
	line, err := parents.holdLifeline()
	if err != nil {
		return err
	}
	q := &Parent{
		steps:    parentSteps.Get().(*[maxParentSteps]step),
		lifeline: line,
		limit:    unix.NsecToTimespec(int64(sealPatience)),
	}
	m.parent = q
	p.parent = q
	p.shared, p.first = &q.shared, &q.child
	return nil
}

// prepare has the child ignore SIGCHLD if this program does: the parent does not.
func (*private) prepare(p *program) {
	p.setExitSignal(syscall.SIGCHLD)
	if ignores(unix.SIGCHLD) {
		p.setAction(unix.SIGCHLD, true)
	}
}

func (m *private) clone(p *program, pid *int32) error {
	starts.enter(p, false)
	return cloneHere(p.shared, pid)
}

// settle waits until the parent has a table of its own, so that nobody shares ours when
// the start is over, and has taken a process in between.
func (m *private) settle(p *program) error {
	q := m.parent
	q.pid = int(q.number)
	q.pidfd = pidfds.Own(int(q.shared.parentPidfd), q.pid)
	parents.enter(q)
	for patience := readyGlance; atomic.LoadUint64(&q.ready) == 0; {
		if q.endsWithin(patience) && atomic.LoadUint64(&q.ready) == 0 {
			return q.failed(p)
		}
		patience = min(2*patience, maxReadyGlance)
	}
	return nil
}

// How long a start waits for its parent before it looks again, at first and if somebody
// has stopped the parent.
const (
	readyGlance    = 100 * time.Microsecond
	maxReadyGlance = 20 * time.Millisecond
)

// endsWithin reports whether the parent has ended, or does within the time.
func (q *Parent) endsWithin(d time.Duration) bool {
	limit := unix.NsecToTimespec(int64(d))
	fds := []unix.PollFd{{Fd: int32(q.pidfd.FD), Events: unix.POLLIN}}
	n, _ := unix.Ppoll(fds, &limit, nil)
	return n > 0
}

// failed is the error of a parent that has ended before it was ready. A process that
// it has made by then shares our memory, or waits for one that does: it is killed.
func (q *Parent) failed(p *program) error {
	if *p.firstPID != 0 || q.childBegins() {
		kill(p.firstPidfd())
	}
	if p.apart && *p.pid != 0 {
		kill(int(p.shared.pidfd))
	}
	report := p.shared.report
	switch {
	case report.step == 0:
		return errKilled
	case report.step == uintptr(unsafe.Pointer(q.made)):
		return &Error{cloneName(), syscall.Errno(report.errno)}
	case p.has(report.step):
		return p.failed(*report)
	}
	return &Error{"close_range", syscall.Errno(report.errno)}
}

// childBegins reports whether a parent that was killed has made a process by clone(2),
// which then runs in a moment.
func (q *Parent) childBegins() bool {
	if !withoutClone3.Load() {
		return false
	}
	for range 50 {
		if atomic.LoadInt32(&q.began) != 0 {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// awaitByGlances waits where nothing tells that the parent was killed: gVisor clears no word
// then.
func (q *Parent) awaitByGlances() {
	word := &q.shared.running
	limit := unix.NsecToTimespec(int64(maxReadyGlance))
	for v := atomic.LoadUint32(word); v != released; v = atomic.LoadUint32(word) {
		if pidfds.ExitedWithin(int(q.shared.parentPidfd), 0) {
			atomic.StoreUint32(word, released)
			return
		}
		futexWait(word, v, &limit)
	}
}

// kill ends a process that nobody is to hear of, and closes its pidfd.
func kill(pidfd int) {
	pidfds.Signal(pidfd, unix.SIGKILL)
	pidfds.ExitedWithin(pidfd, -1)
	var info pidfds.Siginfo
	pidfds.Wait(pidfd, &info, unix.WEXITED|unix.WNOHANG|unix.WALL, nil) // if orphans come here
	unix.Close(pidfd)
}

// reap leaves the child to the parent, which then ends. It has taken a process in between
// before it was ready.
func (m *private) reap(pidfd int) {
	q := m.parent
	if pidfd == int(q.shared.pidfd) {
		q.End()
		if _, _, told := q.Status(); !told {
			kill(pidfd)
			return
		}
	}
	unix.Close(pidfd)
}

// abandon ends what is left of a start that has failed.
func (m *private) abandon() {
	q := m.parent
	if q.pid == 0 {
		parents.leave(q)
		return
	}
	q.End()
	q.Close()
}

// End waits for the end of the parent, and reaps it.
func (q *Parent) End() {
	for pidfds.ExitedWithin(q.pidfd.FD, -1); !q.Reap(); {
		time.Sleep(time.Millisecond)
	}
}

// PID returns the number of the parent.
func (q *Parent) PID() int { return q.pid }

// Descriptor is the pidfd of the parent.
func (q *Parent) Descriptor() pidfds.Descriptor { return q.pidfd }

// Reopen opens another pidfd if other code has closed the one there was. A child of
// this number that only __WALL sees is the parent: there is no other.
func (q *Parent) Reopen() error {
	fd, err := unix.PidfdOpen(q.pid, 0)
	if err != nil {
		return err
	}
	const options = unix.WEXITED | unix.WNOHANG | unix.WNOWAIT
	var info pidfds.Siginfo
	seen := pidfds.Wait(fd, &info, options, nil)
	found := pidfds.Wait(fd, &info, options|unix.WALL, nil)
	if seen != unix.ECHILD || found != nil {
		unix.Close(fd)
		return unix.ESRCH
	}
	q.pidfd = pidfds.Own(fd, q.pid)
	return nil
}

// Close closes the pidfd.
func (q *Parent) Close() { q.pidfd.Close() }

// Reap takes the zombie of the parent, and reports whether there is one: a tracer outside
// may hold it.
func (q *Parent) Reap() bool {
	if q.reaped {
		return true
	}
	var info pidfds.Siginfo
	err := pidfds.Wait(q.pidfd.FD, &info, unix.WEXITED|unix.WNOHANG|unix.WALL, nil)
	if err != unix.ECHILD && !info.Found() { // ECHILD: a wait with __WALL was first
		return false
	}
	q.reaped = true
	parentSteps.Put(q.steps)
	parents.leave(q)
	return true
}

// Status returns how the child has ended, once the parent has been reaped. It reports
// false if that was killed before it could tell.
func (q *Parent) Status() (status syscall.WaitStatus, usage syscall.Rusage, told bool) {
	return q.info.WaitStatus(), q.usage, q.info.Exited()
}

// lay writes the parent's steps, and has its clone begin with them. The program is
// complete but for its addresses of pids.
func (q *Parent) lay(p *program) {
	take, end, execute := q.layEnds()
	begin := &p.steps[0]
	if withoutClone3.Load() {
		begin = q.layBegin(begin)
	}
	first := q.count
	if ignores(unix.SIGCHLD) { // the zombie is to stay until the parent takes it
		q.add(wantSuccess, unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&byDefault)), 0, maskSize)
	}
	if p.parentStep != nil {
		q.add(wantAnything, storePID, uintptr(unsafe.Pointer(p.parentStep)))
	}
	q.made = q.add(wantAnything, branch, uintptr(unsafe.Pointer(&q.call)), uintptr(unsafe.Pointer(begin)))
	if hearsNoExec() && !p.apart { // it has waited for the exec, and clears the word
		const wakeOp = 5 // FUTEX_WAKE_OP, which sets the word to 0
		word := uintptr(unsafe.Pointer(&p.shared.running))
		q.add(wantAnything, unix.SYS_FUTEX, word, wakeOp, 1, 0, word, 0)
	}
	q.layTable()
	if p.apart {
		p.firstPID = q.layPoll(nil)
		q.jumpIf(pollProgram, end)
		q.jumpIf(pollLifeline, execute)
		fd := uintptr(q.polls[pollChild].fd)
		q.add(wantAnything, unix.SYS_WAITID, unix.P_PIDFD, fd, 0, unix.WEXITED|unix.WALL, 0)
		q.add(wantAnything, unix.SYS_CLOSE, fd)
	}
	q.layReady()
	p.pid = q.layPoll(&q.limit)
	if !p.apart {
		p.firstPID = p.pid
	}
	q.jumpIf(pollChild, take)
	q.jumpIf(pollProgram, end)
	q.jumpIf(pollLifeline, execute)
	q.laySeal(p.keepsKill)
	q.addPoll(nil)
	q.jumpIf(pollChild, take)
	q.jumpIf(pollProgram, end)
	q.jumpIf(pollLifeline, execute)
	q.addTake() // if it cannot poll

	s := p.shared
	s.first = uintptr(unsafe.Pointer(&q.steps[first]))
	s.args = cloneArgs{
		flags:    sharing,
		pidfd:    uint64(uintptr(unsafe.Pointer(&s.parentPidfd))),
		childTID: uint64(uintptr(unsafe.Pointer(&s.running))),
	}
}

// layBegin has the cloned process tell its number before its own first step. clone(2) does
// not, and a pidfd in its place may be one of a clone that failed in the end.
func (q *Parent) layBegin(step *step) *step {
	begin := q.add(wantAnything, storePID, uintptr(unsafe.Pointer(&q.began)))
	q.add(wantAnything, jumpIf, uintptr(unsafe.Pointer(&always)), uintptr(unsafe.Pointer(step)))
	return begin
}

// layEnds adds the ways to end: when the child has ended, when this program has, and
// when it executes another one.
func (q *Parent) layEnds() (take, end, execute *step) {
	take = q.addTake()
	end = q.add(wantAnything, unix.SYS_EXIT_GROUP, 0)
	line := q.lifeline
	argv, envp := uintptr(unsafe.Pointer(&parentArgv)), uintptr(unsafe.Pointer(&parentArgv[1]))
	execute = q.add(wantAnything, unix.SYS_EXECVEAT, uintptr(line.image.fd), uintptr(unsafe.Pointer(&noPath)), argv, envp, unix.AT_EMPTY_PATH)
	// TOMOYO refuses that where there is no /dev/fd.
	q.add(wantAnything, unix.SYS_EXECVE, uintptr(unsafe.Pointer(&line.imagePath)), argv, envp)
	q.add(wantAnything, unix.SYS_EXIT_GROUP, 0)
	return take, end, execute
}

// addTake adds the wait for the child, which is the only one, and the end.
func (q *Parent) addTake() *step {
	take := q.add(wantAnything, unix.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&q.info)), unix.WEXITED|unix.WALL, uintptr(unsafe.Pointer(&q.usage)))
	q.add(wantAnything, unix.SYS_EXIT_GROUP, 0)
	return take
}

// layTable gives the parent a table of its own, with the parts of the lifeline that it
// keeps. From then on its end does not clear the word that the start waits for: if the
// word is cleared, the child has done so.
func (q *Parent) layTable() {
	kept := q.lifeline.kept()
	last := kept[len(kept)-1]
	q.add(wantSuccess, unix.SYS_CLOSE_RANGE, uintptr(last+1), lastFile, unix.CLOSE_RANGE_UNSHARE)
	next, free := 0, -1
	for _, fd := range kept {
		if next < fd {
			q.add(wantSuccess, unix.SYS_CLOSE_RANGE, uintptr(next), uintptr(fd-1), 0)
			if free < 0 {
				free = next
			}
		}
		next = fd + 1
	}
	if free < 0 {
		free = next
	}
	q.add(wantAnything, unix.SYS_SET_TID_ADDRESS, 0)
	q.polls = [...]pollFd{
		pollChild:    {fd: int32(free), events: unix.POLLIN},
		pollProgram:  {fd: int32(q.lifeline.program.FD), events: unix.POLLIN},
		pollLifeline: {fd: int32(q.lifeline.hangsUp.fd)}, // a hang-up is always told
	}
}

// layReady adds a step that writes to memory: the signal mask, which is not empty, to
// ready. By then nobody but the child is left of what the start has made.
func (q *Parent) layReady() {
	q.add(wantAnything, unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, 0, uintptr(unsafe.Pointer(&q.ready)), maskSize)
}

// layPoll adds steps that open the pidfd of a process, with the lowest free number, and
// poll it and the lifeline. The kernel is to write the process's number to pid.
func (q *Parent) layPoll(limit *unix.Timespec) (pid *int32) {
	open := q.add(wantAnything, unix.SYS_PIDFD_OPEN, 0, 0)
	q.addPoll(limit)
	return (*int32)(unsafe.Pointer(&open.args[0])) // little-endian, like both architectures
}

func (q *Parent) addPoll(limit *unix.Timespec) {
	q.add(wantAnything, unix.SYS_PPOLL, uintptr(unsafe.Pointer(&q.polls)), uintptr(len(q.polls)), uintptr(unsafe.Pointer(limit)), 0, maskSize)
}

// laySeal adds steps by which the parent gives up what it has from the thread that
// started the child. It has to keep the right to kill a child of another user that is to
// get a death signal, which comes from the parent.
func (q *Parent) laySeal(keepsKill bool) {
	if keepsKill && hasCapKill() {
		q.caps[0] = unix.CapUserData{Effective: 1 << unix.CAP_KILL, Permitted: 1 << unix.CAP_KILL}
	}
	q.add(wantAnything, unix.SYS_CHDIR, uintptr(unsafe.Pointer(&rootPath)))
	q.add(wantAnything, unix.SYS_PRCTL, unix.PR_SET_NAME, uintptr(unsafe.Pointer(&parentName)))
	q.add(wantAnything, unix.SYS_CAPSET, uintptr(unsafe.Pointer(&capHeader)), uintptr(unsafe.Pointer(&q.caps)))
	q.add(wantAnything, unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	q.add(wantAnything, unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&sealFilter)))
}

func (q *Parent) jumpIf(poll int, to *step) {
	q.add(wantAnything, jumpIf, uintptr(unsafe.Pointer(&q.polls[poll].revents)), uintptr(unsafe.Pointer(to)))
}

func (q *Parent) add(want, number uintptr, args ...uintptr) *step {
	s := &q.steps[q.count]
	q.count++
	*s = step{number: number, want: want}
	copy(s.args[:], args)
	return s
}

// What the steps of all parents refer to.
var (
	rootPath   = [...]byte{'/', 0}
	noPath     byte
	always     uint16 = 1
	parentName        = [16]byte(append([]byte("ward-parent"), 0, 0, 0, 0, 0))
	parentArgv        = [...]uintptr{uintptr(unsafe.Pointer(&parentName)), 0}
	capHeader         = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	sealFilter        = unix.SockFprog{Len: uint16(len(sealCode)), Filter: &sealCode[0]}
)

// sealCode allows what a parent does after it. Nothing is killed for another call:
// before Linux 5.17 that would end all that share the memory.
var sealCode = func() []unix.SockFilter {
	const (
		load    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal   = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		result  = unix.BPF_RET | unix.BPF_K
		callAt  = 0 // in struct seccomp_data
		machine = 4
	)
	calls := []uint32{
		unix.SYS_PPOLL, unix.SYS_RESTART_SYSCALL, unix.SYS_WAITID, unix.SYS_EXECVEAT,
		unix.SYS_EXECVE, unix.SYS_EXIT_GROUP,
	}
	code := []unix.SockFilter{
		{Code: load, K: machine},
		{Code: equal, K: auditArch, Jf: uint8(len(calls) + 1)},
		{Code: load, K: callAt},
	}
	for i, call := range calls {
		code = append(code, unix.SockFilter{Code: equal, K: call, Jt: uint8(len(calls) - i)})
	}
	return append(code,
		unix.SockFilter{Code: result, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		unix.SockFilter{Code: result, K: unix.SECCOMP_RET_ALLOW})
}()

// mayHaveParent tells what is against a parent made by this thread: in a new pid
// namespace it would be the first process, and its end that of the namespace.
func mayHaveParent() error {
	if err := pidNamespaceElsewhere(); err != nil {
		return fmt.Errorf("Attr.Private: %w", err)
	}
	return nil
}

// hasCapKill reports whether the calling thread may signal any process.
func hasCapKill() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Permitted&(1<<unix.CAP_KILL) != 0
}
