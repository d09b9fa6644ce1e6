//go:build linux && (amd64 || arm64)

package spawn

import (
	"os"
	"reflect"
	"syscall"
	"time"
	"unsafe"

	"github.com/wardproc/ward/internal/filelimit"
	"golang.org/x/sys/unix"
)

// program is a spawn program and the memory it refers to. Nothing in it moves
// or changes while a child runs it.
type program struct {
	script
	shared  *shared
	place   shared     // the usual one
	parent  *Parent    // of a private child
	first   *cloneArgs // of the process that begins with the steps
	limit   filelimit.Limit
	fetched int // the number of the last file fetched from the parent
	told    int // the step of tellTable

	since   time.Time     // when the start got its place
	offered bool          // it was offered to the guard, as it is the parent thread's
	done    chan struct{} // closed when a child that was taken over has let go
	listed  bool          // the guard may look at shared.running
	exited  *bool         // How.Exited, if the start can tell
	cancel  *Cancel

	apart      bool // the child has memory of its own
	branches   bool // the first step is a branch
	branched   cloneArgs
	branchCall cloneCall
	other      int // the step with which the process that the branch clones begins
	between    process

	firstPID   *int32 // where the number of the first process is noted
	pid        *int32 // and of the child
	parentStep *int32 // the parent's number in the step that looks whether it is there
	keepsKill  bool   // the parent has to be able to kill the child
}

// process is one that the program clones before the child.
type process struct{ pid, pidfd int32 }

// Covers reports whether a spawn program can do what sys asks for. What it
// does not know, it does not cover.
func Covers(attr *syscall.ProcAttr) bool {
	sys := attr.Sys
	if sys == nil {
		return true
	}
	if sys.Setctty && (sys.Foreground || sys.Ctty >= len(attr.Files)) {
		return false // an error, which syscall.StartProcess words
	}
	return reflect.ValueOf(uncovered(*sys)).IsZero()
}

// uncovered is sys without what a spawn program can do.
func uncovered(sys syscall.SysProcAttr) syscall.SysProcAttr {
	sys.Chroot = ""
	sys.Credential = nil
	sys.Setsid = false
	sys.Setpgid, sys.Pgid = false, 0
	sys.Setctty, sys.Noctty, sys.Ctty = false, false, 0
	sys.Pdeathsig = 0
	if !withoutClone3.Load() {
		sys.UseCgroupFD, sys.CgroupFD = false, 0
	}
	sys.PidFD = nil
	return sys
}

// build writes the program in the order of syscall.StartProcess, so that the
// same thing fails first.
func (p *program) build(m maker, name string, argv []string, attr *syscall.ProcAttr, copyFiles bool) error {
	sys := attr.Sys
	if sys == nil {
		sys = new(syscall.SysProcAttr)
	}
	if err := p.layOut(name, argv, attr.Env, attr.Dir, sys.Chroot); err != nil {
		return err
	}
	if sys.Credential != nil {
		if !mayBeApart() {
			return ErrNotApart
		}
		p.setApart()
	}
	p.keepProgram(name, len(attr.Files))
	if p.inherits {
		p.inheritTable(attr.Files, copyFiles, name, attr.Dir, sys.Chroot)
	} else {
		p.takeTable(attr.Files, copyFiles, name, attr.Dir, sys.Chroot)
	}
	if p.apart && !p.inherits && withoutClone3.Load() {
		p.tellTable()
	}
	own := 0
	if sys.Setsid {
		p.add("setsid", wantSuccess, unix.SYS_SETSID)
	}
	if sys.Setpgid {
		p.add("setpgid", wantSuccess, unix.SYS_SETPGID, 0, uintptr(sys.Pgid))
	}
	if sys.Chroot != "" {
		p.add("chroot", wantSuccess, unix.SYS_CHROOT, p.str(chrootString))
	}
	if sys.Credential != nil {
		p.setCredential(sys.Credential)
	}
	if attr.Dir != "" {
		p.add("chdir", wantSuccess, unix.SYS_CHDIR, p.str(dirString))
	}
	if sys.Pdeathsig != 0 {
		// A parent that has died in the meantime would send nothing.
		p.add("prctl(PR_SET_PDEATHSIG)", wantSuccess, unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(sys.Pdeathsig))
		p.add("getppid", uintptr(os.Getpid()), unix.SYS_GETPPID)
		own = len(p.steps) - 1
	}
	p.placeFiles()
	if sys.Noctty {
		p.add("ioctl(TIOCNOTTY)", wantSuccess, unix.SYS_IOCTL, 0, unix.TIOCNOTTY)
	}
	if sys.Setctty {
		p.add("ioctl(TIOCSCTTY)", wantSuccess, unix.SYS_IOCTL, uintptr(sys.Ctty), unix.TIOCSCTTY, 1)
	}
	if limit, ok := originalLimit(); ok {
		p.limit = limit
		p.add("prlimit", wantAnything, unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&p.limit)))
	}
	if sys.UseCgroupFD { // which only clone3 knows: see uncovered
		c := p.childArgs()
		c.flags |= unix.CLONE_INTO_CGROUP
		c.cgroup = uint64(sys.CgroupFD)
	}
	m.prepare(p)
	if withoutClone3.Load() {
		p.resetHandled()
	}
	p.add("rt_sigprocmask", wantSuccess, unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.shared.mask)), 0, unsafe.Sizeof(p.shared.mask))
	p.add("execve", wantSuccess, unix.SYS_EXECVE, p.str(nameString), p.argv(), p.envv(len(argv)))
	if own > 0 && p.parent != nil {
		p.parentStep = (*int32)(unsafe.Pointer(&p.steps[own].want)) // the parent knows better
		p.keepsKill = sys.Credential != nil
	}
	return nil
}

// childArgs is the clone of the child, and not of the process in between.
func (p *program) childArgs() *cloneArgs {
	if p.apart {
		return &p.branched
	}
	return p.first
}

// setExitSignal has the child raise a signal at its exit. One that has memory of its
// own gets SIGCHLD by its exec: clone3 knows no signal with CLONE_PARENT.
func (p *program) setExitSignal(sig syscall.Signal) {
	if !p.apart {
		p.first.exitSignal = uint64(sig)
	}
}

func newProgram() *program {
	p := new(program)
	p.reset()
	return p
}

// reset forgets the last program and keeps its memory for the next.
func (p *program) reset() {
	p.script.reset()
	p.place.args, p.branched = cloneArgs{}, cloneArgs{}
	p.apart, p.branches = false, false
	p.exited, p.cancel = nil, nil
	p.told = 0
	p.shared, p.parent, p.first = &p.place, nil, &p.place.args
	p.firstPID, p.pid, p.parentStep, p.keepsKill = nil, nil, nil, false
}

// has reports whether an address is that of a step.
func (p *script) has(address uintptr) bool {
	first := uintptr(unsafe.Pointer(unsafe.SliceData(p.steps)))
	return address >= first && address-first < uintptr(len(p.steps))*unsafe.Sizeof(step{})
}
