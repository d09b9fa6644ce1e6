package ward

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Attr holds the attributes of a new process. The zero Attr, or a nil one,
// starts it with the program's own environment and directory and the null device as
// standard input, output and error.
type Attr struct {
	// Dir, Env, Files and Sys are those of [os.ProcAttr]: the working
	// directory, the environment (the program's own if nil), the open files
	// with their index as descriptor number, and whatever else the system offers.
	// Start does not change *Sys.
	//
	// Unlike with os.ProcAttr, the files 0 to 2 are the null device, opened for reading
	// and writing, where Files is too short or nil: a child that begins without them
	// takes the first file it opens for its standard error. Where the system has no null
	// device they are closed. [Closed] asks for a closed one. From 3 on a nil entry is a
	// closed one.
	//
	// A child that a spawn program starts (see Capabilities) has no open descriptor
	// but Files, not even one without the close-on-exec flag: see InheritDescriptors.
	//
	// On Linux, Sys.Pdeathsig is sent when the program dies. With os/exec it is sent
	// when the thread ends that started the child. So it is here, if the goroutine
	// that calls Start is locked to its thread (runtime.LockOSThread): the child then
	// has that thread's ids, filters and namespaces.
	//
	// On Linux, with Sys.Credential, a spawn program gives the child memory of its own
	// before it changes its ids, so that its new user cannot reach the program's. The
	// kernel then copies the program's page tables, as at a fork(2): the start takes
	// longer, the more memory the program uses. The standard library's way takes the
	// program's dumpable flag away instead, as os/exec does (PR_SET_DUMPABLE in
	// prctl(2)): no core dumps, and a /proc/self that belongs to root.
	//
	// A child that stops for a tracer, after Sys.Ptrace or later, runs as far as
	// its Handle is concerned. On Linux the report of the stop is left to the
	// tracer's own wait4(2) by number; other Unix systems may take it. With
	// Sys.Ptrace the tracer is the thread that calls Start, as with os/exec, and
	// Sys.Pdeathsig is sent when that thread ends.
	Dir   string
	Env   []string
	Files []*os.File
	Sys   *syscall.SysProcAttr

	// InheritDescriptors asks for a child that gets what the program has open without
	// the close-on-exec flag, too, at the same numbers, but for 0 to 2 and those that
	// Files takes: make's jobserver, say. Package exec sets it. It is never refused.
	//
	// On Linux a spawn program passes on the numbers below 1024. It copies all that is
	// open there, so that the start takes longer, the more that is. On FreeBSD it knows
	// no bound. Both hold [syscall.ForkLock] until the child has its copy.
	//
	// The standard library's way to start a child, and so every other Unix, passes on
	// all such descriptors with the field or without. On Windows the field has no
	// effect, as with package os: Sys.AdditionalInheritedHandles names handles to pass
	// on.
	InheritDescriptors bool

	// Brief says that the child may well end within some milliseconds, and that the caller
	// only waits for it next. Then Start itself waits up to 5 ms for the exit, which costs
	// one wake-up where Start and Wait cost two. [Run] asks for it beside other starts.
	// On Linux it is so with spawn programs (see Capabilities), but for children with
	// Sys.Pdeathsig or KillOnParentExit, and those with Sys.Credential that are not
	// Private. Elsewhere the field has no effect.
	Brief bool

	cancel *canceler // of Run

	// Private asks for a child that no other code in the program can wait for
	// and that raises no SIGCHLD. On Windows every child is one. Elsewhere it
	// goes without some fields of Sys: Start then returns errors.ErrUnsupported,
	// as it does on all other systems.
	//
	// On Linux 7.1 and later the kernel reaps the child (CLONE_AUTOREAP), if it goes
	// without Sys.Credential: its State has no resource usage. While it runs, a wait without __WALL may find
	// that there is a child, but none can take it.
	//
	// Else, on Linux from 5.9 on, it has a parent of its own, a process that shares the
	// program's memory and ends with the child or the program. The child has all
	// that it takes from the thread that calls Start. Its getppid(2) is that parent,
	// and it counts as two processes and takes two descriptors. On a thread with a pid
	// namespace for its children Start returns errors.ErrUnsupported, and before Linux 6.11
	// also where /proc is not mounted, which tells whether it is on one. While somebody
	// has the parent stopped, as a debugger does, the result of the child is late.
	// If somebody kills the parent the child goes on. How it ends can then be told
	// where orphans come to this program, or from Linux 6.15 on; else Wait returns
	// [ErrStatusLost]. When the program executes another one, that finds an ended
	// child for each private child that lives: a loop over wait4(-1) takes it. The
	// parent keeps the ids of the thread, and for 10 ms its rights: a program that
	// gives up its own waits that long before it lets in code that it does not trust.
	// Both ways need what spawn programs do (see Capabilities) and only the fields of
	// Sys that they cover.
	//
	// On FreeBSD every child with a process descriptor is one, but wait4(0) and a
	// wait by process group do see it; its status is then read back. It cannot
	// have Foreground, Jail, Pdeathsig and Ptrace of Sys.
	Private bool

	// KillOnParentExit asks for a child that dies when the program ends in
	// any way. Windows has it, by a job object; with Tree it takes the child's
	// descendants along, elsewhere it leaves them alone. FreeBSD has it, with
	// the limits of Private.
	//
	// Linux has it, as a Sys.Pdeathsig of SIGKILL: with another Pdeathsig, Start
	// returns errors.ErrUnsupported. The child dies, too, when the program executes
	// another one; when the parent of a Private child is killed; and when the thread
	// ends that has called Start, with Sys.Ptrace or if the goroutine is locked to it.
	// The kernel drops the signal if the child changes its ids or executes a program
	// that is set-user-ID, set-group-ID or has capabilities, and cannot kill a child
	// that the program has lost the right to signal: PR_SET_PDEATHSIG in prctl(2).
	// Elsewhere Start returns errors.ErrUnsupported.
	KillOnParentExit bool

	// Tree asks for a child whose descendants KillTree reaches. Windows has it,
	// by a job object, which they cannot leave. Those that outlive the child are
	// let go of when its handle is closed or dropped.
	//
	// FreeBSD has it, with the limits of Private, by making the program the
	// reaper of its descendants, which they cannot leave either: procctl(2),
	// PROC_REAP_ACQUIRE. It is one as long as there is a Tree or an orphan of
	// one. Meanwhile orphans of all children come to the program and not to init:
	// the package reaps them, or the program if it was a reaper before, and
	// wait4(-1) sees them; and to ignore SIGCHLD reaps nobody. KillTree fails with
	// EPERM where it may not signal a descendant. PID 1 cannot have it.
	//
	// Linux and the other Unix systems, and FreeBSD where it has no process
	// descriptors, have it by a process group that the child leads: with Sys.Pgid,
	// Start returns errors.ErrUnsupported. Descendants can leave a group, and
	// KillTree does not find them then: daemons do so, by
	// setsid(2), and the jobs of an interactive shell, by setpgid(2). Nobody can
	// leave a cgroup: whoever may make one has Sys.UseCgroupFD, and cgroup.kill in
	// cgroups(7). KillTree passes over members that it may not signal, and fails
	// with EPERM if there are no others. On a terminal the group is in the
	// background, unless Sys.Foreground is set: it does not get ^C, and stops when
	// it reads.
	//
	// After the child's exit such a KillTree needs the pidfd backend and Linux 6.9:
	// PIDFD_SIGNAL_PROCESS_GROUP in pidfd_send_signal(2). Elsewhere the group's
	// number may be a stranger's by then: KillTree returns errors.ErrUnsupported
	// if anybody has it. Who outlives the child is let go of as on Windows.
	Tree bool
}

// Start starts the program name with the arguments argv, of which the first
// is by convention the name, as [os.StartProcess] does: name is a path and is
// not looked up in PATH.
//
// The error is an [*fs.PathError] when the system would not start the program: with
// the name of attr.Dir or Sys.Chroot where that is known to be the cause. It is an
// [*Error] when the package could not watch it or attr asks for what the system does
// not have (errors.ErrUnsupported). After an error no process is left, and no
// descriptor or goroutine beyond the 50 ms that the package may linger.
//
// On Linux name, Dir and Sys.Chroot may go through a descriptor of the program:
// /proc/self/fd/5, /dev/fd/5/bin. In name a number below len(Files) is the child's own,
// as with os.StartProcess. The child does not keep the descriptor: a script (#!), which
// its interpreter has to open, is to be one of Files. A symbolic link of the caller's
// to such a path may find nothing.
//
// A child takes what belongs to a thread from the one that calls Start:
// namespaces, credentials, the signal mask, scheduling. Only, a thread that has
// unshared its descriptors (CLONE_FILES) cannot use this package.
//
// The first call tries what the kernel offers, by starting a child or three
// that do nothing: another reaper in the program may meet them. What was refused for
// a reason that may pass, such as EPERM, or because the child was killed, a later call
// tries again, after 5 s at the earliest; what works, and what the kernel does not
// know, is not tried again.
//
// On the fallback backend the child has one more open descriptor, the first
// number after Files and not below 3 that it does not inherit: it must keep it for its
// exit to be noticed at once.
func Start(name string, argv []string, attr *Attr) (Handle, error) {
	if attr == nil {
		attr = new(Attr)
	}
	p, err := startProcess(name, argv, attr)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// startProcess is Start.
func startProcess(name string, argv []string, attr *Attr) (*process, error) {
	if recordsInputs() {
		os.Stat(name)
	}
	defer children.endStart(children.beginStart())
	set, err := environment()
	if err == nil {
		err = attr.supported(offers(set))
	}
	if err != nil {
		return nil, &Error{Op: "start", Path: name, Err: err}
	}
	callsOfStart.Add(1)
	p, err := start(name, argv, attr, set)
	callsOfStart.Add(-1)
	runtime.KeepAlive(attr) // whose Files must not be closed before
	if failed, ok := err.(*Error); ok {
		failed.Path = name
	}
	if err != nil {
		return nil, attr.explain(err)
	}
	return p, nil
}

// Closed in Attr.Files has the child begin without an open descriptor of that number. It
// is no file, and good for nothing else.
var Closed = new(os.File)

// recordsInputs reports whether the program is a test whose inputs go test records, to
// know when its result is out of date. It hears of files from package os.
var recordsInputs = sync.OnceValue(func() bool {
	return slices.ContainsFunc(os.Args, func(arg string) bool {
		return strings.HasPrefix(arg, "-test.testlogfile=")
	})
})

// startOp is the Op of an error of os.StartProcess that concerns the program.
const startOp = "fork/exec"

// An offer tells which extras of Attr a backend has.
type offer struct{ private, killOnParentExit, tree bool }

// supported returns an error for what o does not offer.
func (a *Attr) supported(o offer) error {
	switch {
	case a.Private && !o.private:
		return unsupported("Attr.Private")
	case a.KillOnParentExit && !o.killOnParentExit:
		return unsupported("Attr.KillOnParentExit")
	case a.Tree && !o.tree:
		return unsupported("Attr.Tree")
	}
	return nil
}

// explain blames a directory, where it is the cause, and not the program. A spawn
// program has said so itself. The rest is what a look at the directory tells for
// certain: to enter it comes before the exec.
func (a *Attr) explain(err error) error {
	path, ok := err.(*fs.PathError)
	if !ok || path.Op != startOp {
		return err
	}
	if root := a.root(); root != "" {
		return explainBy("chroot", root, path) // and in there is the directory
	}
	if a.Dir == "" {
		return err
	}
	if _, statErr := os.Stat(a.Dir); statErr != nil && a.Sys == nil {
		return &fs.PathError{Op: "chdir", Path: a.Dir, Err: errors.Unwrap(statErr)}
	}
	return explainBy("chdir", a.Dir, path)
}

// explainBy returns err, or that op has failed if a look at the directory fails the
// same way. Others may see another directory than the program does: another user.
func explainBy(op, dir string, err *fs.PathError) error {
	info, statErr := os.Stat(dir)
	cause := errors.Unwrap(statErr)
	noDirectory := isNotDirectory(err.Err) &&
		(errors.Is(statErr, fs.ErrNotExist) || statErr == nil && !info.IsDir())
	if statErr == nil {
		cause = err.Err
	}
	if noDirectory || statErr != nil && cause == err.Err {
		return &fs.PathError{Op: op, Path: dir, Err: cause}
	}
	return err
}
