//go:build amd64 || arm64

package spawn

import (
	"reflect"
	"syscall"
	"unsafe"

	"github.com/wardproc/ward/internal/filelimit"
	"golang.org/x/sys/unix"
)

// program is a spawn program and the memory it refers to. Nothing in it moves
// or changes until the child has its copy.
type program struct {
	script
	shared        shared
	limit         filelimit.Limit
	defaultAction sigaction
}

// Covers reports whether a spawn program can do what sys asks for. What it
// does not know, it does not cover.
//
// Pdeathsig is among that: when the program dies, its descriptors are closed
// first, which hands a child that is a daemon over to init, and a child of init
// is not sent the signal.
func Covers(attr *syscall.ProcAttr) bool {
	sys := attr.Sys
	if sys == nil {
		return true
	}
	if sys.Setctty && sys.Ctty >= len(attr.Files) {
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
	return sys
}

// build writes the program in the order of syscall.StartProcess, so that the
// same thing fails first. pipe is the number of a descriptor that stays open
// until the exec and is none of the child's files.
func (p *program) build(name string, argv []string, attr *syscall.ProcAttr, pipe int) error {
	sys := attr.Sys
	if sys == nil {
		sys = new(syscall.SysProcAttr)
	}
	if err := p.layOut(name, argv, attr.Env, attr.Dir, sys.Chroot); err != nil {
		return err
	}
	if len(argv) > 0 && len(argv[0]) > len(name) {
		p.vectors[firstArg] = p.str(nameString) // as package syscall does here
	}
	p.setSources(attr.Files)
	p.keepProgram(name, len(attr.Files))
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
	p.placeFiles(pipe)
	if sys.Noctty {
		p.add("ioctl(TIOCNOTTY)", wantSuccess, unix.SYS_IOCTL, 0, unix.TIOCNOTTY)
	}
	if sys.Setctty {
		p.add("ioctl(TIOCSCTTY)", wantSuccess, unix.SYS_IOCTL, uintptr(sys.Ctty), unix.TIOCSCTTY)
	}
	// Not so in a plugin, where filelimit is late: a child that could tell would need a
	// program that is there on every system, or ptrace(2).
	if limit, ok := filelimit.Original(); ok {
		p.limit = limit
		p.add("setrlimit", wantAnything, unix.SYS_SETRLIMIT, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&p.limit)))
	}
	p.resetHandlers()
	p.add("sigprocmask", wantSuccess, unix.SYS_SIGPROCMASK, sigSetMask, uintptr(unsafe.Pointer(&p.shared.mask)))
	p.add("execve", wantSuccess, unix.SYS_EXECVE, p.str(nameString), p.argv(), p.envv(len(argv)))
	return nil
}

// placeFiles moves the files to where the child is to find them and closes all
// else that the child does not inherit, but for the pipe and what the program's path
// names, which the exec closes.
func (p *program) placeFiles(pipe int) {
	p.moveFiles(pipe + 1)
	if p.inherits {
		p.closeStandard()
		return // the exec closes the rest
	}
	p.closeOthers(min(pipe, p.kept), max(pipe, p.kept))
}

// lastFile is UINT_MAX, the highest descriptor of close_range(2).
const lastFile uintptr = 1<<32 - 1

func (p *script) dup(from, to int) {
	p.add("dup2", wantSuccess, unix.SYS_DUP2, uintptr(from), uintptr(to))
}

func (p *script) dupCloseOnExec(from, to int) {
	p.add("fcntl(F_DUP2FD_CLOEXEC)", wantSuccess, unix.SYS_FCNTL, uintptr(from), unix.F_DUP2FD_CLOEXEC, uintptr(to))
}

// sigSetMask is SIG_SETMASK of sigprocmask(2).
const sigSetMask = 3

// sigaction is struct sigaction of sigaction(2). The zero value is SIG_DFL.
type sigaction struct {
	handler uintptr
	flags   int32
	mask    sigset
}

// resetHandlers sets each signal that has a handler to its default. An exec does
// so, too, but the child gets its signal mask back before, and a handler of the
// Go runtime cannot run in it. Ignored signals stay ignored.
func (p *program) resetHandlers() {
	const (
		lastSignal = 32 // of those that the Go runtime handles
		ignore     = 1  // SIG_IGN
	)
	for signal := uintptr(1); signal <= lastSignal; signal++ {
		var now sigaction
		_, _, errno := syscall.RawSyscall(unix.SYS_SIGACTION, signal, 0, uintptr(unsafe.Pointer(&now)))
		if errno == 0 && now.handler > ignore {
			p.add("sigaction", wantSuccess, unix.SYS_SIGACTION, signal, uintptr(unsafe.Pointer(&p.defaultAction)))
		}
	}
}
