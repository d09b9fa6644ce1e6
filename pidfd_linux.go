package ward

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/mux"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/spawn"
	"golang.org/x/sys/unix"
)

// backends are those that the environment may choose.
const backends = "pidfd fallback"

// start picks the backend: pidfd, or the fallback where the kernel, a seccomp
// filter or the environment refuses it.
func start(name string, argv []string, attr *Attr, set settings) (*process, error) {
	var err error
	if attr.Private {
		err = privateWorks(set)
	}
	if err == nil && attr.KillOnParentExit {
		attr, err = attr.withSys(dieWithProgram)
	}
	if err == nil {
		attr, err = attr.leadingGroup()
	}
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	if !usePidfd(set) {
		return startFallback(name, argv, attr)
	}
	p, err := startPidfd(name, argv, attr)
	if errors.Is(err, syscall.EINVAL) && set.backend == "" && !attr.Private && pidfds.Clones() != nil {
		return startFallback(name, argv, attr)
	}
	return p, err
}

func usePidfd(set settings) bool {
	switch set.backend {
	case "pidfd":
		return true
	case "fallback":
		return false
	}
	return pidfds.Works() == nil && !pidfds.CloneRefused()
}

// offers is what Attr may ask for; for Private see privateWorks.
func offers(settings) offer { return offer{private: true, killOnParentExit: true, tree: true} }

// dieWithProgram has the kernel kill the child, as far as it can do so without
// privileges. CLONE_PIDFD_AUTOKILL (Linux 7.1) would kill one that has changed its
// ids, too, but without CAP_SYS_ADMIN keep every child from it (no_new_privs); it
// is for private children only; and a pidfd passed on keeps the child alive.
func dieWithProgram(sys *syscall.SysProcAttr) error {
	if sys.Pdeathsig != 0 && sys.Pdeathsig != syscall.SIGKILL {
		return unsupported("Attr.KillOnParentExit with another Sys.Pdeathsig than SIGKILL")
	}
	sys.Pdeathsig = syscall.SIGKILL
	return nil
}

func capabilities(set settings) Caps {
	works := pidfds.Works()
	if works == nil {
		works = pidfds.Clones()
	}
	pidfdFeature := feature("waitid(P_PIDFD) and pidfd_send_signal (Linux 5.4)", works)
	if !usePidfd(set) {
		return Caps{
			Backend:  "fallback",
			Spawn:    "std",
			Tier:     TierDetectable,
			Features: []Feature{pidfdFeature, procFeature()},
		}
	}
	caps := Caps{Backend: "pidfd", Spawn: "fast", Tier: TierDetectable}
	works = spawn.Works()
	if set.spawn == "std" {
		works = unsupported("a spawn program with WARDDEBUG=spawn=std")
	}
	clone3, fetches, autoreap, parent := works, works, works, works
	if works != nil {
		caps.Spawn = "std"
	} else {
		clone3, fetches, autoreap, parent = spawn.Clone3(), spawn.Fetches(), autoreaps(), spawn.HasParents()
	}
	info := pidfds.Recovers()
	if set.recover == "off" {
		info = unsupported("recovery with WARDDEBUG=recover=off")
	}
	if info == nil {
		caps.Tier = TierRecoverable
	}
	caps.Features = []Feature{
		pidfdFeature,
		feature("PIDFD_INFO_EXIT (Linux 6.15)", info, "a status that other code takes is lost"),
		feature("spawn programs (Linux 5.9, amd64 and arm64)", works,
			"no Attr.Private, and a start takes longer the more descriptors are open; a seccomp profile has to allow clone and close_range"),
		feature("clone3 (Linux 5.3)", clone3,
			"spawn programs go by clone; without clone3 there is no Sys.UseCgroupFD and no CLONE_AUTOREAP; a seccomp profile that allows clone3 has both"),
		feature("CLONE_AUTOREAP for Attr.Private (Linux 7.1)", autoreap),
		feature("a parent for each child with Attr.Private (where spawn programs are)", parent),
		feature("PIDFD_SIGNAL_PROCESS_GROUP for KillTree after the exit (Linux 6.9)", pidfds.SignalsGroups()),
		feature("pidfd_getfd, for files numbered 64 and up (Linux 5.6)", fetches,
			"a start with such files takes longer the more descriptors are open below them; CAP_SYS_PTRACE, or a seccomp profile that allows pidfd_getfd, cures it"),
		procFeature(),
	}
	return caps
}

// procFeature says what is to be known where proc(5) is not mounted.
func procFeature() Feature {
	_, err := os.Stat(selfPath)
	return feature("/proc", err,
		"there is no Func; a Reaper may have to try all numbers that a process can have, and a look for the owner of a child all that a descriptor can; before Linux 6.11 there is no Attr.Private; to mount proc there cures it")
}

// exits is the one epoll instance that hears of all children.
var exits mux.Mux

// pidfd is the Linux backend: a descriptor that refers to the process and not
// to its number. See pidfd_open(2). It comes from the clone that made the
// child; a pidfd_open of its number might find a stranger.
type pidfd struct {
	fd      pidfds.Descriptor // closed by close, and nowhere else
	watchID mux.ID
	release func() // gives back what arrange holds

	autoreaped bool          // a private child that the kernel reaps
	parent     *spawn.Parent // of a private child, if it has one of its own
	ended      time.Time     // when it was noticed that the child has, before its parent
	orphan     bool          // the parent was killed
	orphaned   time.Time     // when it was noticed that the orphan has exited
	exitSeen   bool          // the descriptor that is watched has said so
	reaped     bool          // by other code: the status is still to be read
	suspended  bool          // exits does not hear of it: block, or exited, is under way
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
	if attr.Tree {
		p.tree = b.leadTree()
	}
	return p, p.adopt(func() error {
		if b.exitSeen && p.reapHeld() {
			return nil
		}
		return b.watch(p)
	}, func() func() { return b.abandon(p) })
}

// spawn makes the child. What can fail without it fails before it runs.
func (b *pidfd) spawn(name string, argv []string, attr *Attr) (pid int, err error) {
	sys, sysattr := attr.Sys, attr.procAttr()
	by, around := spawner(spawnChild), arranger(arrangeOn)
	if err := attr.terminalError(name); err != nil {
		return 0, err
	}
	if attr.Private {
		if !spawn.Covers(sysattr) {
			missing := unsupported("Attr.Private with " + spawn.Uncovered(sys))
			return 0, &Error{Op: "start", Err: missing}
		}
		by, around = b.private(sys)
	}
	if sys != nil && sys.Chroot != "" {
		// Where the child would open the null device there is another one, or none.
		release, err := openNull(sysattr)
		if err != nil {
			return 0, err
		}
		defer release()
	}
	spare := -1 // for a caller who asked for a pidfd, too, and owns it
	if sys != nil && sys.PidFD != nil {
		if spare, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
			return 0, &Error{Op: "start", Err: os.NewSyscallError("eventfd", err)}
		}
	}
	b.release, err = around(sys, func(parentThread bool) (err error) {
		var fd int
		how := spawn.How{Inherits: attr.InheritDescriptors, ParentThread: parentThread}
		if attr.Brief {
			how.Exited = &b.exitSeen
		}
		how.Cancel = (*spawn.Cancel)(attr.cancel)
		if pid, fd, err = by(name, argv, sysattr, how); err == nil {
			b.fd = pidfds.Own(fd, pid)
		}
		return err
	})
	if err != nil {
		b.release()
		if spare >= 0 {
			unix.Close(spare)
		}
		return 0, attr.startError(name, err)
	}
	if spare >= 0 {
		unix.Dup3(b.fd.FD, spare, unix.O_CLOEXEC) // takes the place of the eventfd
		*sys.PidFD = spare
	}
	return pid, nil
}

func (b *pidfd) watch(p *process) (err error) {
	b.watchID, err = exits.Watch(b.watched(), p)
	return err
}

// watched is the pidfd that tells of the end.
func (b *pidfd) watched() pidfds.Descriptor {
	if b.byParent() {
		return b.parent.Descriptor()
	}
	return b.fd
}

// abandon kills a child that nobody is to hear of.
func (b *pidfd) abandon(p *process) (finish func()) {
	held := b.hold(p) == nil
	if held {
		pidfds.Signal(b.fd.FD, unix.SIGKILL)
	}
	return func() {
		if held {
			pidfds.ExitedWithin(b.fd.FD, -1)
			b.take()
		}
		b.exited()
		b.close()
	}
}

// take takes the zombie of a child that is abandoned.
func (b *pidfd) take() {
	if b.byParent() {
		b.parent.End()
	}
	pidfds.Wait(b.fd.FD, nil, waitOptions, nil)
}

func (b *pidfd) heard(uint32, bool) { b.exitSeen = true }

// reap asks the descriptor first, if it has not spoken yet. Of a child that this
// program traces a wait returns stops, too, asked for or not, and they are the
// tracer's: ptrace(2). From the exit on there are none.
func (b *pidfd) reap(p *process) (*State, error) {
	if b.byParent() {
		if state, err := b.reapByParent(p); state != nil || err != nil {
			return state, err
		}
	}
	if err := b.hold(p); err != nil {
		return b.recoverLost(p, err)
	}
	b.exitSeen = b.exitSeen || pidfds.ExitedWithin(b.fd.FD, 0)
	switch {
	case !b.exitSeen:
		return nil, ErrRunning
	case b.autoreaped:
		return b.reapAutoreaped(p)
	case b.reaped:
		return b.recover(p)
	}
	b.noteExit(p)
	state, err := takeZombie(p.pid, func(info *pidfds.Siginfo, usage *syscall.Rusage) error {
		return pidfds.Wait(b.fd.FD, info, waitOptions, usage)
	})
	if err == unix.ECHILD {
		b.reaped = true
		return b.recover(p)
	}
	return state, err
}

// waitOptions take a zombie and do not block. A child that was killed before its exec
// may be one that only __WALL finds.
const waitOptions = unix.WEXITED | unix.WNOHANG | unix.WALL

var siginfos = sync.Pool{New: func() any { return new(pidfds.Siginfo) }}

// takeZombie returns what wait finds. The error is ErrRunning if that is nothing: to
// this program the child runs while a tracer outside holds the zombie. It is bare where
// the caller goes on otherwise.
func takeZombie(pid int, wait func(*pidfds.Siginfo, *syscall.Rusage) error) (*State, error) {
	s := &State{pid: pid, hasUsage: true}
	info := siginfos.Get().(*pidfds.Siginfo)
	defer siginfos.Put(info)
	*info = pidfds.Siginfo{}
	switch err := wait(info, &s.usage); {
	case err == unix.ECHILD:
		return nil, err
	case err != nil:
		return nil, os.NewSyscallError("waitid", err)
	case !info.Exited():
		return nil, ErrRunning
	}
	s.status = info.WaitStatus()
	return s, nil
}

// recover reads the status that other code, or the kernel itself where SIGCHLD
// is ignored, has taken.
func (b *pidfd) recover(p *process) (*State, error) {
	numbers.RLock()
	state := takenStatus(p)
	numbers.RUnlock()
	if state != nil {
		return state, nil
	}
	if set, _ := environment(); set.recover == "off" {
		return nil, ErrStatusLost
	}
	// Between taking the zombie and releasing it, neither wait nor the ioctl
	// knows the status. The release raises a hang-up, so look for that first.
	released := pidfds.HungUpWithin(b.fd.FD, 0)
	status, ok, err := pidfds.ExitStatus(b.fd.FD)
	switch {
	case ok:
		return &State{pid: p.pid, status: status, recovered: true}, nil
	case err != nil || released || b.forsaken():
		return nil, ErrStatusLost
	}
	if b.watchID != 0 && !b.suspended {
		if err := exits.AwaitHangup(b.watchID); err != nil {
			return nil, err
		}
	}
	return nil, ErrRunning
}

// hold makes sure that the number is still the child's pidfd before it is used. If
// other code has closed that, hold opens another one, where it is certain to be the
// same child's; else the error is ErrDescriptorLost, and no ESRCH or the like that tells
// the cause. By number alone the child is not even reaped: a thief may have been there
// first, and the number be another child's.
func (b *pidfd) hold(p *process) error {
	if b.byParent() {
		if err := b.holdParent(); err != nil {
			return err
		}
	}
	if !b.fd.Lost() {
		return nil
	}
	if p.exited() {
		return ErrDescriptorLost
	}
	fd, err := b.fd.Reopen()
	if err != nil {
		return fmt.Errorf("%w (%v)", ErrDescriptorLost, err)
	}
	b.fd = fd
	if b.byParent() {
		return nil
	}
	b.exitSeen = false
	return b.rewatch(fd)
}

// rewatch goes on with another pidfd of what is watched.
func (b *pidfd) rewatch(fd pidfds.Descriptor) error {
	if b.watchID == 0 {
		return nil
	}
	if err := exits.Move(b.watchID, fd); err != nil {
		return fmt.Errorf("%w (%v)", ErrDescriptorLost, err)
	}
	return nil
}

// recoverLost returns the status that Wait4 has taken, if it has, or the error of hold.
func (b *pidfd) recoverLost(p *process, lost error) (*State, error) {
	numbers.RLock()
	defer numbers.RUnlock()
	if state := takenStatus(p); state != nil {
		return state, nil
	}
	return nil, lost
}

func (b *pidfd) signal(p *process, sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return errStrangeSignal
	}
	if err := b.hold(p); err != nil {
		return err
	}
	err := pidfds.Signal(b.fd.FD, s)
	if err == unix.ESRCH {
		return processDone{}
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

// verify asks the mux, which knows of its queue and what is watched at once, and looks
// at the descriptors only if the answer is no, or if not the child's own is watched.
func (b *pidfd) verify(p *process) error {
	if b.suspended || exits.Verify(b.watchID) != nil || b.byParent() {
		return b.hold(p)
	}
	return nil
}

// block keeps exits from hearing of the child meanwhile: one waker is enough.
func (b *pidfd) block(p *process) {
	const milliseconds = 5
	for {
		fd, ok := b.suspendFor(p)
		if !ok {
			return
		}
		if pidfds.ExitedWithin(fd, milliseconds) {
			p.ExitHeard(0, false)
			if p.reapSoon() {
				return
			}
		}
		if b.resume(p) == nil {
			return
		}
	}
}

// suspendFor returns the descriptor to wait for, or false if there is no need: the
// child has its result.
func (b *pidfd) suspendFor(p *process) (fd int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exited() {
		return -1, false
	}
	b.suspend()
	return b.watched().FD, true
}

// suspend is called with the process's mutex held.
func (b *pidfd) suspend() {
	if b.watchID != 0 && !b.suspended {
		b.suspended = true
		exits.Suspend(b.watchID)
	}
}

// resume also ends what waits for a descriptor that is lost: poll would return at once.
func (b *pidfd) resume(p *process) error {
	if p.reap() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exited() {
		return nil
	}
	err := exits.Resume(b.watchID)
	b.suspended = err != nil
	return err
}

func (b *pidfd) handle() (uintptr, bool) { return uintptr(b.fd.FD), true }

func (b *pidfd) exited() {
	b.suspend()
	if b.watchID != 0 {
		exits.Remove(b.watchID)
	} else {
		exits.Release()
	}
	b.release()
}

func (b *pidfd) close() {
	b.fd.Close()
	if b.parent != nil {
		b.parent.Close()
	}
}
