package ward

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// Attr holds the attributes of a new process. The zero Attr, or a nil one,
// starts it with the program's own environment and directory and no files.
type Attr struct {
	// Dir, Env, Files and Sys are those of [os.ProcAttr]: the working
	// directory, the environment (the program's own if nil), the open files
	// with their index as descriptor number (a nil entry is a closed one), and
	// whatever else the system offers. Start does not change *Sys.
	//
	// On Linux, where a spawn program starts the child (see Capabilities), it
	// has no open descriptor but Files, not even one without the close-on-exec
	// flag. On all of Linux, Sys.Pdeathsig is sent when the program dies, and
	// not, as with os/exec, when one of its threads ends; such a child does not
	// take its namespaces and the like from the caller's thread. On FreeBSD
	// a child that a spawn program starts has no descriptor but Files, either.
	Dir   string
	Env   []string
	Files []*os.File
	Sys   *syscall.SysProcAttr

	// Private asks for a child that no other code in the program can see by
	// wait4(-1) and that raises no SIGCHLD. On Windows every child is one.
	// FreeBSD has them, with process descriptors; there, wait4(0) and a wait by
	// process group do see the child, whose status is then read back. Elsewhere,
	// and together with those fields of Sys for which FreeBSD needs the standard
	// library (Foreground, Jail, Pdeathsig, Ptrace), Start returns
	// errors.ErrUnsupported.
	Private bool

	// KillOnParentExit asks for a child that dies when the program ends in
	// any way. Windows has it, by a job object; with Tree it takes the child's
	// descendants along. FreeBSD has it, with the limits of Private, and leaves
	// descendants alone. Elsewhere Start returns errors.ErrUnsupported.
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
	// Elsewhere Start returns errors.ErrUnsupported.
	Tree bool
}

// Start starts the program name with the arguments argv, of which the first
// is by convention the name, as [os.StartProcess] does: name is a path and is
// not looked up in PATH.
//
// The error is an [*fs.PathError] when the system would not start the program,
// and an [*Error] when the package could not watch it or attr asks for what the
// system does not have (errors.ErrUnsupported). After an error no process is
// left, and no descriptor or goroutine beyond the 50 ms that the package may
// linger.
//
// A child takes what belongs to a thread from the one that calls Start:
// namespaces, credentials, the signal mask, scheduling. Only, a thread that has
// unshared its descriptors (CLONE_FILES) cannot use this package.
//
// The first call tries what the kernel offers, by starting a child or three
// that do nothing: another reaper in the program may meet them.
//
// On the fallback backend the child has one more open descriptor, the first
// number after Files and not below 3: it must keep it for its exit to be
// noticed at once.
func Start(name string, argv []string, attr *Attr) (Handle, error) {
	if attr == nil {
		attr = new(Attr)
	}
	defer table.end(table.begin())
	if err := attr.supported(offers()); err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	starts.Add(1)
	p, err := start(name, argv, attr)
	starts.Add(-1)
	runtime.KeepAlive(attr) // whose Files must not be closed before
	if err != nil {
		return nil, attr.explain(err)
	}
	return p, nil
}

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

// explain blames the directory, where it is the cause, and not the program.
// With Sys the directory may mean another one (chroot, another user's view).
func (a *Attr) explain(err error) error {
	var path *fs.PathError
	if a.Dir == "" || a.Sys != nil || !errors.As(err, &path) {
		return err
	}
	_, statErr := os.Stat(a.Dir)
	if statErr == nil || !errors.As(statErr, &path) {
		return err
	}
	path.Op = "chdir"
	return path
}

// procAttr is attr in the form that syscall.StartProcess takes.
func (a *Attr) procAttr() *syscall.ProcAttr {
	attr := &syscall.ProcAttr{Dir: a.Dir, Env: a.Env, Sys: a.Sys}
	if attr.Env == nil {
		attr.Env = os.Environ()
	}
	attr.Files = make([]uintptr, 0, len(a.Files)+1)
	for _, f := range a.Files {
		attr.Files = append(attr.Files, f.Fd()) // ^uintptr(0) if f is nil
	}
	return attr
}
