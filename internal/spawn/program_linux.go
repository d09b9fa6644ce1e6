//go:build linux && (amd64 || arm64)

package spawn

import (
	"os"
	"reflect"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// program is a spawn program and the memory it refers to. Nothing in it moves
// or changes while a child runs it.
type program struct {
	shared  shared
	steps   []step
	calls   []string // the name of each step, for errors
	strings []byte   // NUL-terminated
	vectors []uintptr
	limit   unix.Rlimit
	groups  []uint32
	sources []int // where in the child's table each of its files is
	fetched int   // the number of the last file fetched from the parent
}

// keepStrings is the most memory that a program in the pool may hold.
const keepStrings = 64 << 10

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
	rest := *sys
	rest.Chroot = ""
	rest.Credential = nil
	rest.Setsid = false
	rest.Setpgid, rest.Pgid = false, 0
	rest.Setctty, rest.Noctty, rest.Ctty = false, false, 0
	rest.Pdeathsig = 0
	rest.UseCgroupFD, rest.CgroupFD = false, 0
	rest.PidFD = nil
	return reflect.ValueOf(rest).IsZero()
}

// build writes the program in the order of syscall.StartProcess, so that the
// same thing fails first.
func (p *program) build(name string, argv []string, attr *syscall.ProcAttr, copyFiles bool) error {
	sys := attr.Sys
	if sys == nil {
		sys = new(syscall.SysProcAttr)
	}
	if err := p.layOut(name, argv, attr.Env, attr.Dir, sys.Chroot); err != nil {
		return err
	}
	p.takeTable(attr.Files, copyFiles)
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
	}
	p.placeFiles()
	if sys.Noctty {
		p.add("ioctl(TIOCNOTTY)", wantSuccess, unix.SYS_IOCTL, 0, unix.TIOCNOTTY)
	}
	if sys.Setctty {
		p.add("ioctl(TIOCSCTTY)", wantSuccess, unix.SYS_IOCTL, uintptr(sys.Ctty), unix.TIOCSCTTY, 1)
	}
	if originalLimit(&p.limit) {
		p.add("prlimit", wantAnything, unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&p.limit)))
	}
	if sys.UseCgroupFD {
		p.shared.args.flags = unix.CLONE_INTO_CGROUP
		p.shared.args.cgroup = uint64(sys.CgroupFD)
	}
	p.add("rt_sigprocmask", wantSuccess, unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.shared.mask)), 0, unsafe.Sizeof(p.shared.mask))
	p.add("execve", wantSuccess, unix.SYS_EXECVE, p.str(nameString), p.argv(), p.envv(len(argv)))
	return nil
}

// reset forgets the last program and keeps its memory for the next.
func (p *program) reset() {
	p.steps = p.steps[:0]
	p.calls = p.calls[:0]
	p.groups = nil
	p.shared.args = cloneArgs{}
	if cap(p.strings) > keepStrings {
		p.strings, p.vectors = nil, nil
	}
}

// add appends a step. Its arguments may point into p, which is on the heap and
// so stays where it is.
func (p *program) add(call string, want, number uintptr, args ...uintptr) {
	s := step{number: number, want: want}
	copy(s.args[:], args)
	p.steps = append(p.steps, s)
	p.calls = append(p.calls, call)
}

// call returns the name of the step at an address.
func (p *program) call(address uintptr) string {
	first := uintptr(unsafe.Pointer(&p.steps[0]))
	return p.calls[(address-first)/unsafe.Sizeof(step{})]
}

// The places in vectors: of three strings and, after a nil, of argv. A nil, the
// environment and another nil follow.
const (
	nameString = iota
	dirString
	chrootString
	_
	firstArg
)

// layOut copies all strings into p.strings and their addresses into p.vectors.
func (p *program) layOut(name string, argv, env []string, dir, chroot string) error {
	size := len(name) + len(dir) + len(chroot) + 3
	for _, s := range argv {
		size += len(s) + 1
	}
	for _, s := range env {
		size += len(s) + 1
	}
	if cap(p.strings) < size { // and no append below moves it
		p.strings = make([]byte, 0, size)
	}
	p.strings = p.strings[:0]
	p.vectors = p.vectors[:0]
	for _, list := range [...][]string{{name, dir, chroot}, argv, env} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return syscall.EINVAL
			}
			p.vectors = append(p.vectors, p.end())
			p.strings = append(append(p.strings, s...), 0)
		}
		p.vectors = append(p.vectors, 0)
	}
	return nil
}

// end is the address behind the last of the strings.
func (p *program) end() uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(p.strings))) + uintptr(len(p.strings))
}

func (p *program) str(i int) uintptr { return p.vectors[i] }

func (p *program) argv() uintptr { return uintptr(unsafe.Pointer(&p.vectors[firstArg])) }

func (p *program) envv(argc int) uintptr {
	return uintptr(unsafe.Pointer(&p.vectors[firstArg+argc+1]))
}

func (p *program) setCredential(c *syscall.Credential) {
	if !c.NoSetGroups {
		p.groups = append([]uint32{0}, c.Groups...) // one more: there is an address if there is no group
		p.add("setgroups", wantSuccess, unix.SYS_SETGROUPS, uintptr(len(c.Groups)), uintptr(unsafe.Pointer(unsafe.SliceData(p.groups[1:]))))
	}
	p.add("setgid", wantSuccess, unix.SYS_SETGID, uintptr(c.Gid))
	p.add("setuid", wantSuccess, unix.SYS_SETUID, uintptr(c.Uid))
}
