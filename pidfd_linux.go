package ward

import (
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"github.com/wardproc/ward/internal/mux"
	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/spawn"
	"golang.org/x/sys/unix"
)

// exits is the one epoll instance that hears of all children.
var exits mux.Mux

// pidfd is the Linux backend: a descriptor that refers to the process and not
// to its number. See pidfd_open(2). It comes from the clone that made the
// child; a pidfd_open of its number might find a stranger.
type pidfd struct {
	fd      int
	watchID mux.ID
	process *process
	release func()      // gives back what launch holds
	group   *pidfdGroup // which has a share in fd, for Attr.Tree

	autoreaped bool      // a private child that the kernel reaps
	keeper     *keeper   // the parent of a private child, if it has one
	orphaned   time.Time // when it was noticed that the keeper is gone
	exited     bool      // the descriptor has said so
	reaped     bool      // by other code: the status is still to be read
	suspended  bool      // exits does not hear of it: block, or close, is under way
}

func startPidfd(name string, argv []string, attr *Attr) (*process, error) {
	if err := exits.Reserve(); err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	b := new(pidfd)
	pid, err := b.spawn(name, argv, attr)
	if err != nil {
		exits.Release()
		return nil, err
	}
	p := newProcess(pid, b)
	b.process = p
	p.mu.Lock() // Ready may come before watchID is there
	defer p.mu.Unlock()
	table.add(p)
	if b.watchID, err = exits.Watch(b.fd, b); err != nil {
		b.abandon()
		table.remove(p)
		p.backend, p.err = nil, err // for a Ready that waits for the lock
		return nil, &Error{Op: "start", Err: err}
	}
	if attr.Tree {
		b.leadTree()
	}
	return p, nil
}

// spawn starts the child. What can fail without it fails before it runs.
func (b *pidfd) spawn(name string, argv []string, attr *Attr) (pid int, err error) {
	sys, sysattr := attr.Sys, attr.procAttr()
	start, launch := spawner(spawnChild), launcher(launch)
	if attr.Private {
		if !spawn.Covers(sysattr) {
			return 0, &Error{Op: "start", Err: unsupported("Attr.Private with these fields of Attr.Sys")}
		}
		start, launch = b.private()
	}
	spare := -1 // for a caller who asked for a pidfd, too, and owns it
	if sys != nil && sys.PidFD != nil {
		if spare, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
			return 0, &Error{Op: "start", Err: os.NewSyscallError("eventfd", err)}
		}
	}
	b.release, err = launch(sys, func() (err error) {
		pid, b.fd, err = start(name, argv, sysattr)
		return err
	})
	if err != nil {
		b.release()
		if spare >= 0 {
			unix.Close(spare)
		}
		return 0, startError(name, err)
	}
	if spare >= 0 {
		unix.Dup3(b.fd, spare, unix.O_CLOEXEC) // takes the place of the eventfd
		*sys.PidFD = spare
	}
	return pid, nil
}

// abandon ends a child that nobody is to hear of.
func (b *pidfd) abandon() {
	unix.PidfdSendSignal(b.fd, unix.SIGKILL, nil, 0)
	for !exitedWithin(b.fd, -1) {
	}
	b.wait(new(siginfo), new(syscall.Rusage))
	b.close()
}

// Ready is called by exits.
func (b *pidfd) Ready() {
	b.sawExit()
	b.process.reap()
}

func (b *pidfd) sawExit() {
	b.process.mu.Lock()
	b.exited = true
	b.process.mu.Unlock()
}

// reap asks the descriptor first, if it has not spoken yet. Of a child that this
// program traces a wait returns stops, too, asked for or not, and they are the
// tracer's: ptrace(2). From the exit on there are none.
func (b *pidfd) reap() (*State, error) {
	b.exited = b.exited || exitedWithin(b.fd, 0)
	switch {
	case !b.exited:
		return nil, ErrRunning
	case b.autoreaped:
		return b.reapAutoreaped()
	case b.reaped:
		return b.recover()
	}
	s := &State{pid: b.process.pid, hasUsage: true}
	var info siginfo
	switch err := b.wait(&info, &s.usage); err {
	case nil:
		if !info.exited() {
			return nil, ErrRunning // to this program: a tracer outside holds the zombie
		}
		s.status = info.waitStatus()
		return s, nil
	case unix.ECHILD:
		b.reaped = true
		return b.recover()
	default:
		return nil, os.NewSyscallError("waitid", err)
	}
}

// wait takes the zombie, unless a tracer holds it, in the name of the child's
// parent.
func (b *pidfd) wait(info *siginfo, usage *syscall.Rusage) error {
	const options = unix.WEXITED | unix.WNOHANG
	if b.keeper != nil {
		err := b.keeper.Wait(b.fd, (*unix.Siginfo)(unsafe.Pointer(info)), options, (*unix.Rusage)(unsafe.Pointer(usage)))
		if err != spawn.ErrGone {
			return err
		}
		b.orphan()
	}
	return waitPidfd(b.fd, info, options, usage)
}

// recover reads the status that other code, or the kernel itself where SIGCHLD
// is ignored, has taken.
func (b *pidfd) recover() (*State, error) {
	if set, _ := environment(); set.recover == "off" {
		return nil, ErrStatusLost
	}
	// Between taking the zombie and releasing it, neither wait nor the ioctl
	// knows the status. The release raises a hang-up, so look for that first.
	released := hungUp(b.fd, 0)
	status, ok, err := exitInfo(b.fd)
	switch {
	case ok:
		return &State{pid: b.process.pid, status: status, recovered: true}, nil
	case err != nil || released || b.forsaken():
		return nil, ErrStatusLost
	}
	if !b.suspended {
		if err := exits.AwaitHangup(b.fd, b.watchID); err != nil {
			return nil, err
		}
	}
	return nil, ErrRunning
}

func (b *pidfd) signal(sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return errStrangeSignal
	}
	err := unix.PidfdSendSignal(b.fd, s, nil, 0)
	if err == unix.ESRCH {
		return processDone{}
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

// block keeps exits from hearing of the child meanwhile: one waker is enough.
func (b *pidfd) block(reap func() bool) {
	const milliseconds = 5
	b.process.mu.Lock()
	if !b.process.exited() {
		b.suspend()
	}
	b.process.mu.Unlock()
	for {
		if exitedWithin(b.fd, milliseconds) {
			b.sawExit()
			if reap() {
				return
			}
		}
		if b.resume() == nil {
			return
		}
	}
}

// suspend is called with the process's mutex held.
func (b *pidfd) suspend() {
	if !b.suspended {
		b.suspended = true
		exits.Suspend(b.fd)
	}
}

func (b *pidfd) resume() error {
	b.process.mu.Lock()
	defer b.process.mu.Unlock()
	if b.process.exited() {
		return nil
	}
	err := exits.Resume(b.fd, b.watchID)
	b.suspended = err != nil
	return err
}

func (b *pidfd) handle() (uintptr, bool) { return uintptr(b.fd), true }

func (b *pidfd) close() {
	b.suspend()
	exits.Remove(b.watchID)
	if b.group != nil {
		b.group.close()
	} else {
		unix.Close(b.fd)
	}
	b.release()
	if b.keeper != nil {
		keepers.release(b.keeper)
	}
}

// siginfo is what waitid(2) writes: the head of siginfo_t and, of its union,
// the part for SIGCHLD, which is aligned as a pointer.
type siginfo struct {
	signo  int32
	errno  int32
	code   int32
	_      [unsafe.Sizeof(uintptr(0)) / 8 * 4]byte
	pid    int32
	uid    uint32
	status int32
	_      [128 - 16 - 12]byte
}

// The values of si_code: see waitid(2).
const (
	childExited    = 1 // CLD_EXITED
	childDumped    = 3
	childTrapped   = 4
	childStopped   = 5
	childContinued = 6
)

// exited reports whether there is something, and it is an exit.
func (i *siginfo) exited() bool { return i.signo != 0 && i.waitCode() <= childDumped }

// waitStatus is the status in the form of wait4(2).
func (i *siginfo) waitStatus() syscall.WaitStatus {
	switch i.waitCode() {
	case childExited:
		return syscall.WaitStatus(i.status << 8)
	case childDumped:
		return syscall.WaitStatus(i.status | 0x80)
	case childTrapped, childStopped:
		return syscall.WaitStatus(i.status<<8 | 0x7f)
	case childContinued:
		return 0xffff
	}
	return syscall.WaitStatus(i.status)
}

// waitCode is si_code, which on MIPS comes before si_errno.
func (i *siginfo) waitCode() int32 {
	switch runtime.GOARCH {
	case "mips", "mipsle", "mips64", "mips64le":
		return i.errno
	}
	return i.code
}

// waitid wraps waitid(2) with the kernel's fifth argument, the resource usage
// that the C library's waitid hides.
func waitid(idType, id int, info *siginfo, options int, usage *syscall.Rusage) error {
	return unix.Waitid(idType, id, (*unix.Siginfo)(unsafe.Pointer(info)), options, (*unix.Rusage)(unsafe.Pointer(usage)))
}

func waitPidfd(fd int, info *siginfo, options int, usage *syscall.Rusage) error {
	return waitid(unix.P_PIDFD, fd, info, options, usage)
}

// exitInfo reads the status of a reaped process: PIDFD_GET_INFO with
// PIDFD_INFO_EXIT, Linux 6.15. It reports false before the reap is complete.
func exitInfo(fd int) (syscall.WaitStatus, bool, error) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	err := unix.IoctlPidfdInfo(fd, &info)
	if err == unix.ESRCH {
		// The reap was completed in the middle of the call: it looks for the
		// status before it looks for the process.
		info = unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		err = unix.IoctlPidfdInfo(fd, &info)
	}
	if err != nil {
		return 0, false, os.NewSyscallError("ioctl(PIDFD_GET_INFO)", err)
	}
	return syscall.WaitStatus(info.Exit_code), info.Mask&unix.PIDFD_INFO_EXIT != 0, nil
}

// exitedWithin reports whether the process has exited, or does within so many
// milliseconds.
func exitedWithin(fd, milliseconds int) bool {
	return poll(fd, unix.POLLIN, milliseconds)&unix.POLLIN != 0
}

// hungUp reports whether the process has been reaped, or is within so many
// milliseconds. Linux before 6.9 never says so.
func hungUp(fd, milliseconds int) bool {
	return poll(fd, 0, milliseconds)&unix.POLLHUP != 0
}

// poll wraps poll(2) for one descriptor.
func poll(fd int, events int16, milliseconds int) int16 {
	poll := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		if _, err := unix.Poll(poll, milliseconds); err != unix.EINTR {
			return poll[0].Revents
		}
	}
}

// noDescriptor is one that is not open: descriptors do not get so high.
const noDescriptor = 1<<31 - 1

// probePidfd asks the two calls that the backend lives on about a descriptor
// that is not open. A kernel that has them answers EBADF.
func probePidfd() error {
	if err := waitPidfd(noDescriptor, nil, unix.WEXITED|unix.WNOHANG, nil); err != unix.EBADF {
		return os.NewSyscallError("waitid(P_PIDFD)", err)
	}
	if err := unix.PidfdSendSignal(noDescriptor, 0, nil, 0); err != unix.EBADF {
		return os.NewSyscallError("pidfd_send_signal", err)
	}
	return nil
}

// pidfdRecovers tells whether the kernel keeps the status of a reaped process.
// Nothing but a process that is gone can show that (supported_mask moved
// between 7.0 and 7.1), so a thread of our own ends for it.
var pidfdRecovers = probe.Probe{Try: func() error {
	fd, err := exitedThread()
	if err != nil && err != unix.EINVAL { // which says that PIDFD_THREAD is not known
		// A filter may refuse pidfd_open and nothing of what a child needs.
		fd, err = spawn.Exited()
	}
	if err != nil {
		return os.NewSyscallError("pidfd_open(PIDFD_THREAD)", err)
	}
	defer unix.Close(fd)
	_, ok, err := exitInfo(fd)
	if err == nil && !ok {
		err = unsupported("PIDFD_INFO_EXIT")
	}
	return err
}}

// exitedThread returns a pidfd of a thread that is gone. Requires Linux 6.9,
// which had PIDFD_THREAD first and is older than PIDFD_INFO_EXIT.
func exitedThread() (fd int, err error) {
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		runtime.LockOSThread() // and never unlock it: the thread ends
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends. Hold it while another one is tried.
			defer runtime.UnlockOSThread()
			fd, err = exitedThread()
			return
		}
		fd, err = unix.PidfdOpen(unix.Gettid(), unix.PIDFD_THREAD)
	}()
	<-opened
	if err != nil {
		return -1, err
	}
	hungUp(fd, 1000)
	return fd, nil
}
