package ward

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/mux"
	"github.com/wardproc/ward/internal/secureexec"
	"golang.org/x/sys/windows"
)

// backends are those that the environment may choose: there is one only.
const backends = ""

func start(name string, argv []string, attr *Attr, set settings) (*process, error) {
	return startWaitobj(name, argv, attr, set)
}

// offers: a child is private by nature, and jobs give the rest.
func offers(settings) offer { return offer{private: true, killOnParentExit: true, tree: true} }

func capabilities(set settings) Caps {
	return Caps{
		Backend: "waitobj",
		Spawn:   "std",
		Tier:    TierPrivate,
		Features: []Feature{
			feature("NtAssociateWaitCompletionPacket (Windows 8): one thread for all children, else one for 63", packetsWork(set)),
			feature("job objects: Attr.Tree and Attr.KillOnParentExit", jobsWork.Err()),
		},
	}
}

// packetsWork tells why wait completion packets are not used.
func packetsWork(set settings) error {
	if set.packets == "off" {
		return unsupported("NtAssociateWaitCompletionPacket with WARDDEBUG=packets=off")
	}
	return mux.PacketsWork()
}

// One of these hears of all children.
var (
	exitPort   mux.Port
	exitGroups mux.Groups
)

// killedCode is the exit code of a process that was killed, as with package os.
const killedCode = 1

// waitobj is the Windows backend: a process handle. While it is open the
// process object stays, and its number is given to nobody else.
type waitobj struct {
	child     windows.Handle
	pid       int  // which the handle tells, too
	breakable bool // it leads a process group, to which CTRL_BREAK can be sent
	job       *job // of Attr.KillOnParentExit without Attr.Tree, else nil
}

func startWaitobj(name string, argv []string, attr *Attr, set settings) (*process, error) {
	sysattr, closeNull, err := windowsAttr(attr)
	if err != nil {
		return nil, err
	}
	defer closeNull()
	b := &waitobj{breakable: creationFlags(attr.Sys)&windows.CREATE_NEW_PROCESS_GROUP != 0}
	if attr.Tree || attr.KillOnParentExit {
		if b.job, err = newJob(attr); err != nil {
			return nil, &Error{Op: "start", Err: err}
		}
		sysattr.Sys = suspended(attr.Sys)
	}
	pid, child, err := syscall.StartProcess(name, argv, sysattr)
	if err != nil {
		b.releaseJob()
		return nil, &fs.PathError{Op: startOp, Path: name, Err: err}
	}
	b.child, b.pid = windows.Handle(child), pid
	p := newProcess(pid, b)
	return p, p.adopt(func() error {
		if err := b.enterJob(attr); err != nil {
			return err
		}
		if err := b.watch(p, set); err != nil {
			return err
		}
		if attr.Tree { // the job has its owner before the exit is heard of
			p.tree, b.job = b.job, nil
		}
		return nil
	}, func() func() { return b.abandon(p) })
}

// enterJob puts a suspended child into its job before it can have children of
// its own, and then lets it run. If this program is killed in between, a
// suspended child is left that has run nothing.
func (b *waitobj) enterJob(attr *Attr) error {
	if b.job == nil {
		return nil
	}
	if err := b.job.add(b.child); err != nil {
		return err
	}
	if creationFlags(attr.Sys)&windows.CREATE_SUSPENDED != 0 {
		return nil // the caller's own wish
	}
	return resume(b.child)
}

func (b *waitobj) watch(p *process, set settings) error {
	if packetsWork(set) == nil {
		return exitPort.Watch(b.child, p)
	}
	return exitGroups.Watch(b.child, p)
}

// abandon kills a child that nobody is to hear of.
func (b *waitobj) abandon(p *process) (finish func()) {
	if b.job != nil {
		b.job.kill(p)
	}
	held := b.hold() == nil
	if held {
		windows.TerminateProcess(b.child, killedCode)
	}
	return func() {
		if held {
			windows.WaitForSingleObject(b.child, windows.INFINITE)
		}
		b.exited()
		b.close()
	}
}

// reap does not go by the exit code whether the child has exited: 259 stands
// for STILL_ACTIVE, and is a code like any other.
func (b *waitobj) reap(p *process) (*State, error) {
	if err := b.hold(); err != nil {
		return nil, err
	}
	exited, err := b.isOver()
	switch {
	case err != nil:
		return nil, err
	case !exited:
		return nil, ErrRunning
	}
	s := &State{pid: p.pid}
	if err := windows.GetExitCodeProcess(b.child, &s.status.ExitCode); err != nil {
		return nil, os.NewSyscallError("GetExitCodeProcess", err)
	}
	s.hasUsage = syscall.GetProcessTimes(syscall.Handle(b.child),
		&s.usage.CreationTime, &s.usage.ExitTime, &s.usage.KernelTime, &s.usage.UserTime) == nil
	return s, nil
}

// hold returns ErrDescriptorLost unless the number is still the child's handle. While
// that was open no other process had the child's number.
func (b *waitobj) hold() error {
	pid, err := windows.GetProcessId(b.child)
	if err == windows.ERROR_INVALID_HANDLE || err == nil && int(pid) != b.pid {
		return ErrDescriptorLost
	}
	return nil
}

func (b *waitobj) verify(*process) error { return b.hold() }

// lost: of what hears of the exit other code has closed something. Watch again.
func (b *waitobj) lost(p *process) {
	set, _ := environment()
	if b.hold() == nil {
		b.watch(p, set)
	}
}

// isOver reports whether the child has exited.
func (b *waitobj) isOver() (bool, error) {
	event, err := windows.WaitForSingleObject(b.child, 0)
	return event == windows.WAIT_OBJECT_0, os.NewSyscallError("WaitForSingleObject", err)
}

func (b *waitobj) signal(p *process, sig os.Signal) error {
	if err := b.hold(); err != nil {
		return err
	}
	switch sig {
	case os.Kill:
		return b.kill()
	case os.Interrupt:
		return b.interrupt(p.pid)
	}
	return unsupported("a signal other than os.Kill and os.Interrupt")
}

func (b *waitobj) kill() error {
	err := windows.TerminateProcess(b.child, killedCode)
	if err == nil {
		return nil
	}
	if exited, _ := b.isOver(); exited {
		return processDone{}
	}
	if err == windows.ERROR_ACCESS_DENIED {
		// The handle has every right, so the child is about to end already.
		// Like a zombie of Unix it takes the signal.
		return nil
	}
	return os.NewSyscallError("TerminateProcess", err)
}

// interrupt sends CTRL_BREAK, for which a new process group does not have to
// ask as it has to for CTRL_C. It reaches the whole group. See
// GenerateConsoleCtrlEvent.
func (b *waitobj) interrupt(pid int) error {
	if !b.breakable {
		return unsupported("os.Interrupt without CREATE_NEW_PROCESS_GROUP in Sys.CreationFlags")
	}
	if exited, _ := b.isOver(); exited {
		return processDone{}
	}
	err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(pid))
	return os.NewSyscallError("GenerateConsoleCtrlEvent", err)
}

func (b *waitobj) handle() (uintptr, bool) { return uintptr(b.child), true }

func (b *waitobj) exited() { b.releaseJob() }

func (b *waitobj) close() {
	if b.hold() == nil {
		windows.CloseHandle(b.child)
	}
}

func (b *waitobj) releaseJob() {
	if b.job != nil {
		b.job.close()
		b.job = nil
	}
}

// windowsAttr is attr in the form that syscall.StartProcess takes. release is to be called
// after the start.
func windowsAttr(a *Attr) (attr *syscall.ProcAttr, release func(), err error) {
	env, err := a.environ()
	if err != nil {
		return nil, nil, &Error{Op: "start", Err: err}
	}
	attr = a.procAttr()
	if release, err = openNull(attr); err != nil {
		return nil, nil, err
	}
	attr.Env = env
	for i, f := range attr.Files {
		if f == uintptr(windows.InvalidHandle) {
			// StartProcess would duplicate it as what GetCurrentProcess returns,
			// and give the child power over this program.
			attr.Files[i] = 0
		}
	}
	return attr, release, nil
}

func creationFlags(sys *syscall.SysProcAttr) uint32 {
	if sys == nil {
		return 0
	}
	return sys.CreationFlags
}

// suspended returns a copy of sys, which may be nil, with CREATE_SUSPENDED.
func suspended(sys *syscall.SysProcAttr) *syscall.SysProcAttr {
	copied := new(syscall.SysProcAttr)
	if sys != nil {
		*copied = *sys
	}
	copied.CreationFlags |= windows.CREATE_SUSPENDED
	return copied
}

var terminate = os.Interrupt

// root: there is none.
func (a *Attr) root() string { return "" }

func isNotDirectory(err error) bool { return err == windows.ERROR_DIRECTORY }

// wakeUp: no process is stopped.
func wakeUp(os.Signal) os.Signal { return nil }

func isNoSuchProcess(error) bool { return false }

// claimTaken does nothing: no other code takes a child by its number.
func claimTaken(*process) {}

// environ is the environment of the child: that of its user, if it has one of
// its own and a says nothing.
func (a *Attr) environ() ([]string, error) {
	if a.Env != nil {
		return a.Env, nil
	}
	if a.Sys == nil || a.Sys.Token == 0 {
		return os.Environ(), nil
	}
	env, err := windows.Token(a.Sys.Token).Environ(false)
	return env, os.NewSyscallError("CreateEnvironmentBlock", err)
}

// ids: there are none.
func (a *Attr) ids() secureexec.IDs { return secureexec.IDs{} }

func userTime(u *syscall.Rusage) time.Duration { return filetimeDuration(u.UserTime) }

func systemTime(u *syscall.Rusage) time.Duration { return filetimeDuration(u.KernelTime) }

// filetimeDuration reads t as an amount of time, in units of 100 ns, as
// GetProcessTimes gives it.
func filetimeDuration(t syscall.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
