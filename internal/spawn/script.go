//go:build (linux || freebsd) && (amd64 || arm64)

package spawn

import (
	"reflect"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// step is one system call of a spawn program. The assembly knows its offsets
// from go_asm.h, which the compiler writes.
type step struct {
	number uintptr
	args   [6]uintptr
	want   uintptr
}

// What step.want can be, besides the result that the call must have.
const (
	wantSuccess  uintptr = 0
	wantAnything         = ^uintptr(0)
)

// script is the steps of a spawn program and what they refer to.
type script struct {
	steps   []step
	calls   []string // the name of each step, for errors
	strings []byte   // NUL-terminated
	vectors []uintptr
	groups  []uint32
	sources []int // where in the child's table each of its files is
	spare   int   // the number from which on the next spare one is looked for

	inherits bool // the child gets the descriptors without close-on-exec, too
	kept     int  // the descriptor that the program's path names, or none
}

// keepStrings is the most memory that a program in a pool may hold.
const keepStrings = 64 << 10

// reset forgets the steps and keeps their memory for the next program.
func (p *script) reset() {
	p.steps = p.steps[:0]
	p.calls = p.calls[:0]
	p.groups = nil
	p.spare = 0
	p.inherits = false
	if cap(p.strings) > keepStrings {
		p.strings, p.vectors = nil, nil
	}
}

// Uncovered names the fields that Covers does not know, for an error: "Sys.Ptrace".
func Uncovered(sys *syscall.SysProcAttr) string {
	var names []string
	rest := reflect.ValueOf(uncovered(*sys))
	for i := range rest.NumField() {
		if !rest.Field(i).IsZero() {
			names = append(names, "Sys."+rest.Type().Field(i).Name)
		}
	}
	return strings.Join(names, ", ")
}

// add appends a step. Its arguments may point into p, which is on the heap and
// so stays where it is.
func (p *script) add(call string, want, number uintptr, args ...uintptr) {
	s := step{number: number, want: want}
	copy(s.args[:], args)
	p.steps = append(p.steps, s)
	p.calls = append(p.calls, call)
}

// call returns the name of the step at an address.
func (p *script) call(address uintptr) string {
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
func (p *script) layOut(name string, argv, env []string, dir, chroot string) error {
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
func (p *script) end() uintptr {
	return uintptr(unsafe.Pointer(unsafe.SliceData(p.strings))) + uintptr(len(p.strings))
}

func (p *script) str(i int) uintptr { return p.vectors[i] }

func (p *script) argv() uintptr { return uintptr(unsafe.Pointer(&p.vectors[firstArg])) }

func (p *script) envv(argc int) uintptr {
	return uintptr(unsafe.Pointer(&p.vectors[firstArg+argc+1]))
}

func (p *script) setCredential(c *syscall.Credential) {
	if !c.NoSetGroups {
		p.groups = append([]uint32{0}, c.Groups...) // one more: there is an address if there is no group
		p.add("setgroups", wantSuccess, unix.SYS_SETGROUPS, uintptr(len(c.Groups)), uintptr(unsafe.Pointer(unsafe.SliceData(p.groups[1:]))))
	}
	p.add("setgid", wantSuccess, unix.SYS_SETGID, uintptr(c.Gid))
	p.add("setuid", wantSuccess, unix.SYS_SETUID, uintptr(c.Uid))
}
