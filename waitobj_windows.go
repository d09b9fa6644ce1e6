package ward

import (
	"io/fs"
	"os"
	"syscall"

	"github.com/wardproc/ward/internal/mux"
	"golang.org/x/sys/windows"
)

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
	process   *process
	breakable bool // it leads a process group, to which CTRL_BREAK can be sent
	job       *job // of Attr.KillOnParentExit without Attr.Tree, else nil
}

func startWaitobj(name string, argv []string, attr *Attr) (*process, error) {
	sysattr, err := windowsAttr(attr)
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
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
		return nil, &fs.PathError{Op: "fork/exec", Path: name, Err: err}
	}
	b.child = windows.Handle(child)
	b.process = newProcess(pid, b)
	if err := b.adopt(attr); err != nil {
		return nil, &Error{Op: "start", PID: pid, Err: err}
	}
	return b.process, nil
}

// adopt makes the new child what attr asks for and has its exit heard of, or
// ends it.
func (b *waitobj) adopt(attr *Attr) error {
	b.process.mu.Lock() // the exit may be heard of before the job has its owner
	defer b.process.mu.Unlock()
	if err := b.enterJob(attr); err != nil {
		b.abandon()
		return err
	}
	if err := b.watch(); err != nil {
		b.abandon()
		return err
	}
	if attr.Tree {
		b.process.ownTree(b.job)
		b.job = nil
	}
	return nil
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

func (b *waitobj) watch() error {
	if set, _ := environment(); set.packets != "off" && mux.PacketsWork() == nil {
		return exitPort.Watch(b.child, b)
	}
	return exitGroups.Watch(b.child, b)
}

// abandon ends a child that nobody is to hear of.
func (b *waitobj) abandon() {
	if b.job != nil {
		b.job.kill()
	}
	windows.TerminateProcess(b.child, killedCode)
	windows.WaitForSingleObject(b.child, windows.INFINITE)
	b.close()
}

// Ready is called by exitPort or exitGroups.
func (b *waitobj) Ready() { b.process.reap() }

// reap does not go by the exit code whether the child has exited: 259 stands
// for STILL_ACTIVE, and is a code like any other.
func (b *waitobj) reap() (*State, error) {
	exited, err := b.exited()
	switch {
	case err != nil:
		return nil, err
	case !exited:
		return nil, ErrRunning
	}
	s := &State{pid: b.process.pid}
	if err := windows.GetExitCodeProcess(b.child, &s.status.ExitCode); err != nil {
		return nil, os.NewSyscallError("GetExitCodeProcess", err)
	}
	s.hasUsage = syscall.GetProcessTimes(syscall.Handle(b.child),
		&s.usage.CreationTime, &s.usage.ExitTime, &s.usage.KernelTime, &s.usage.UserTime) == nil
	return s, nil
}

func (b *waitobj) exited() (bool, error) {
	event, err := windows.WaitForSingleObject(b.child, 0)
	return event == windows.WAIT_OBJECT_0, os.NewSyscallError("WaitForSingleObject", err)
}

func (b *waitobj) signal(sig os.Signal) error {
	switch sig {
	case os.Kill:
		return b.kill()
	case os.Interrupt:
		return b.interrupt()
	}
	return unsupported("a signal other than os.Kill and os.Interrupt")
}

func (b *waitobj) kill() error {
	err := windows.TerminateProcess(b.child, killedCode)
	if err == nil {
		return nil
	}
	if exited, _ := b.exited(); exited {
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
func (b *waitobj) interrupt() error {
	if !b.breakable {
		return unsupported("os.Interrupt without CREATE_NEW_PROCESS_GROUP in Sys.CreationFlags")
	}
	if exited, _ := b.exited(); exited {
		return processDone{}
	}
	err := windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(b.process.pid))
	return os.NewSyscallError("GenerateConsoleCtrlEvent", err)
}

func (b *waitobj) handle() (uintptr, bool) { return uintptr(b.child), true }

func (b *waitobj) close() {
	windows.CloseHandle(b.child)
	b.releaseJob()
}

func (b *waitobj) releaseJob() {
	if b.job != nil {
		b.job.close()
		b.job = nil
	}
}

// windowsAttr is attr in the form that syscall.StartProcess takes.
func windowsAttr(a *Attr) (*syscall.ProcAttr, error) {
	env, err := a.environ()
	if err != nil {
		return nil, err
	}
	attr := a.procAttr()
	attr.Env = env
	for i, f := range attr.Files {
		if f == uintptr(windows.InvalidHandle) {
			// StartProcess would duplicate it as what GetCurrentProcess returns,
			// and give the child power over this program.
			attr.Files[i] = 0
		}
	}
	for len(attr.Files) < 3 { // StartProcess insists on
		attr.Files = append(attr.Files, 0)
	}
	return attr, nil
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
