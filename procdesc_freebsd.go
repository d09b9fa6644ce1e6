package ward

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"unsafe"

	"github.com/wardproc/ward/internal/mux"
	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/spawn"
	"golang.org/x/sys/unix"
)

// backends are those that the environment may choose.
const backends = "procdesc kqueue fallback"

// start picks the backend: process descriptors, the kqueue alone where the
// system refuses them or a spawn program does not cover what attr asks for, or
// what the environment says.
func start(name string, argv []string, attr *Attr, set settings) (*process, error) {
	chosen := backendFor(set)
	if chosen == "procdesc" {
		if sysattr := attr.procAttr(); spawn.Covers(sysattr) {
			return startProcdesc(name, argv, attr, sysattr)
		}
		if err := attr.terminalError(name); err != nil {
			return nil, err
		}
		if extra := attr.extra(); extra != "" {
			missing := unsupported(extra + " with " + spawn.Uncovered(attr.Sys))
			return nil, &Error{Op: "start", Err: missing}
		}
		return startKqueue(name, argv, attr)
	}
	attr, err := attr.leadingGroup()
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	if chosen == "kqueue" {
		return startKqueue(name, argv, attr)
	}
	return startFallback(name, argv, attr)
}

// extra names the first field of a, if any, that needs a process descriptor.
func (a *Attr) extra() string {
	switch {
	case a.Private:
		return "Attr.Private"
	case a.KillOnParentExit:
		return "Attr.KillOnParentExit"
	case a.Tree:
		return "Attr.Tree"
	}
	return ""
}

// backendFor returns the backend of children that ask for nothing special. Want of
// descriptors or memory does not change it: that is an error of the start.
func backendFor(set settings) string {
	switch {
	case set.backend != "":
		return set.backend
	case probe.Refused(procdescWorks(set)):
		return "kqueue"
	}
	return "procdesc"
}

// procdescWorks tells why process descriptors cannot be had.
func procdescWorks(set settings) error {
	if set.spawn == "std" {
		return unsupported("pdfork with WARDDEBUG=spawn=std")
	}
	return spawn.Works()
}

// offers is what Attr may ask for.
func offers(set settings) offer {
	private := backendFor(set) == "procdesc"
	return offer{private: private, killOnParentExit: private, tree: treesWork(set) == nil}
}

// treesWork tells why Attr.Tree cannot be had: with a process descriptor it needs
// the role of a reaper, and without it takes a process group.
func treesWork(set settings) error {
	if backendFor(set) == "procdesc" {
		return reapersWork.Err()
	}
	return nil
}

func capabilities(set settings) Caps {
	pdfork := feature("pdfork by a spawn program (amd64 and arm64)", procdescWorks(set))
	var caps Caps
	switch backendFor(set) {
	case "fallback":
		caps = Caps{Backend: "fallback", Spawn: "std", Tier: TierDetectable}
	case "kqueue":
		caps = kqueueCaps(set, "status in the event of EVFILT_PROC")
	default:
		caps = Caps{Backend: "procdesc", Spawn: "fast", Tier: TierPrivate}
	}
	caps.Features = append(caps.Features, pdfork, feature("reapers (procctl): Attr.Tree", reapersWork.Err()))
	return caps
}

// procdesc is the FreeBSD backend: a process descriptor, which refers to the
// process and not to its number. See pdfork(2). A child that has one is not
// seen by wait4(-1) and raises no SIGCHLD. A wait by its number takes it, and so
// do wait4(0) and a wait by process group.
//
// The number is the child's own until it is reaped. The descriptor is closed
// only then: the close of an unreaped zombie would reap it, without a status. From
// FreeBSD 16 on the kernel keeps the number until that close: pdfork(2). So pdwait(2),
// which comes with it, would add nothing to a wait by number.
type procdesc struct {
	fd      int
	pid     int // which the descriptor tells, too
	watchID mux.ID
	event   exitEvent
	stolen  bool // wait4 has said that there is no such child
}

func startProcdesc(name string, argv []string, attr *Attr, sysattr *syscall.ProcAttr) (*process, error) {
	closeNull, err := openNull(sysattr)
	if err != nil {
		return nil, err
	}
	defer closeNull()
	if !attr.Tree {
		return startInTree(name, argv, attr, sysattr, nil)
	}
	t, err := reaping.add() // before the child, which else is no member
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	p, err := startInTree(name, argv, attr, sysattr, t)
	if err != nil {
		t.close()
	}
	return p, err
}

func startInTree(name string, argv []string, attr *Attr, sysattr *syscall.ProcAttr, t *subtree) (*process, error) {
	if err := exits.Reserve(); err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	flags := spawn.Daemon
	if attr.KillOnParentExit {
		flags = 0 // the kernel closes the last descriptor, and so kills
	}
	b := new(procdesc)
	var pid int
	_, err := arrange(attr.Sys, func() (err error) {
		pid, b.fd, err = spawn.Child(name, argv, sysattr, attr.InheritDescriptors, flags)
		return err
	})
	if err != nil {
		exits.Release()
		var failed *spawn.Error
		if errors.As(err, &failed) {
			return nil, attr.childError(name, failed)
		}
		return nil, &fs.PathError{Op: startOp, Path: name, Err: err}
	}
	b.pid = pid
	p := newProcess(pid, b)
	if t != nil {
		t.started(pid)
		p.tree = t
	}
	return p, p.adopt(func() (err error) {
		b.watchID, err = exits.WatchDescriptor(b.fd, p)
		return err
	}, func() func() { return b.abandon(pid) })
}

// abandon kills a child that nobody is to hear of.
func (b *procdesc) abandon(pid int) (finish func()) {
	held := b.hold() == nil
	if held {
		pdkill(b.fd, unix.SIGKILL)
	}
	return func() {
		for err := error(unix.EINTR); held && err == unix.EINTR; {
			_, err = unix.Wait4(pid, nil, 0, nil)
		}
		b.exited()
		b.close()
	}
}

// heard: the kernel holds the lock of the process from the event until it is a
// zombie, so that wait4 finds it: sys/kern/kern_exit.c.
func (b *procdesc) heard(status uint32, known bool) { b.event = newExitEvent(status, known) }

// reap needs no lock for the number, which is no other child's until the child was
// reaped and then all numbers have come round.
func (b *procdesc) reap(p *process) (*State, error) {
	if err := b.hold(); err != nil {
		return nil, err
	}
	if !b.stolen {
		state, err := tryWait4(p.pid)
		switch {
		case err == ErrRunning && b.event.heard:
			// Stolen, and the number is another child's by now.
		case err != ErrStatusLost:
			return state, err
		}
		b.stolen = true // from here on the number is not asked about
	}
	numbers.RLock()
	state := takenStatus(p)
	numbers.RUnlock()
	if state != nil {
		return state, nil
	}
	return b.event.recover(p.pid)
}

// supersede has the number not asked about again.
func (b *procdesc) supersede() { b.stolen = true }

// hold returns ErrDescriptorLost unless the number is still the child's descriptor.
// The kernel gives a child whose descriptor is closed to another parent, who reaps it,
// so that there is nothing to ask about by number either.
func (b *procdesc) hold() error {
	pid, err := pdgetpid(b.fd)
	switch {
	case err == unix.EBADF || err == unix.EINVAL, err == nil && pid != b.pid:
		return ErrDescriptorLost
	}
	return nil
}

func (b *procdesc) verify(*process) error {
	exits.Verify()
	return b.hold()
}

func (b *procdesc) signal(_ *process, sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return errStrangeSignal
	}
	if err := b.hold(); err != nil {
		return err
	}
	err := pdkill(b.fd, s)
	if err == unix.ESRCH {
		return processDone{}
	}
	return os.NewSyscallError("pdkill", err)
}

func (b *procdesc) handle() (uintptr, bool) { return uintptr(b.fd), true }

func (b *procdesc) exited() { exits.Remove(b.watchID) }

func (b *procdesc) close() {
	if b.hold() == nil {
		unix.Close(b.fd)
	}
}

// pdgetpid wraps pdgetpid(2), which knows the number also after the reap.
func pdgetpid(fd int) (int, error) {
	var pid int32
	_, _, errno := unix.Syscall(
		unix.SYS_PDGETPID, uintptr(fd), uintptr(unsafe.Pointer(&pid)), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(pid), nil
}

// pdkill wraps pdkill(2).
func pdkill(fd int, sig syscall.Signal) error {
	_, _, errno := unix.Syscall(unix.SYS_PDKILL, uintptr(fd), uintptr(sig), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
