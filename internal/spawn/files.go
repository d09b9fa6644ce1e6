//go:build (linux || freebsd) && (amd64 || arm64)

package spawn

import (
	"github.com/wardproc/ward/internal/inheritable"
	"golang.org/x/sys/unix"
)

// none is where there is no descriptor, and null where the null device is to be.
const (
	none = -1
	null = -2
)

// keepProgram has the child keep, until its exec, the file whose descriptor the
// program's path names: a number beyond the child's own files, which as with package
// syscall are what their numbers mean.
func (p *script) keepProgram(name string, files int) {
	p.kept = none
	if fd, _, ok := FileOf(name); ok && fd >= files {
		p.kept = fd
	}
}

// closeOthers closes what is none of the child's files, but for those to keep, whose
// numbers are in order.
func (p *script) closeOthers(keep ...int) {
	if p.kept != none {
		p.add("fcntl(F_SETFD)", wantAnything,
			unix.SYS_FCNTL, uintptr(p.kept), unix.F_SETFD, unix.FD_CLOEXEC)
	}
	first := len(p.sources)
	for _, fd := range keep {
		if first < fd {
			p.closeRange(first, uintptr(fd-1))
		}
		first = max(first, fd+1)
	}
	p.closeRange(first, lastFile)
}

func (p *script) closeRange(first int, last uintptr) {
	p.add("close_range", wantSuccess, unix.SYS_CLOSE_RANGE, uintptr(first), last, 0)
}

// closed is the entry of ProcAttr.Files for a descriptor that is not open.
const closed = ^uintptr(0)

// setSources records where the files are.
func (p *script) setSources(files []uintptr) {
	p.sources = p.sources[:0]
	for _, fd := range files {
		source := int(fd)
		switch fd {
		case closed:
			source = none
		case Null:
			source = null
		}
		p.sources = append(p.sources, source)
	}
}

// moveFiles moves the files to where the child is to find them. The numbers from
// first on are free, or of descriptors that the child does not get, but for the one that
// is kept.
func (p *script) moveFiles(first int) {
	p.spare = max(p.spare, first, len(p.sources))
	for _, source := range p.sources {
		p.spare = max(p.spare, source+1)
	}
	// First out of the way: a file whose number a file before it will take.
	for i, source := range p.sources {
		if source >= 0 && source < i {
			p.sources[i] = p.takeSpare()
			p.dupCloseOnExec(source, p.sources[i])
		}
	}
	for i, source := range p.sources {
		switch {
		case source < 0:
			p.add("close", wantAnything, unix.SYS_CLOSE, uintptr(i))
		case source == i:
			p.add("fcntl(F_SETFD)", wantSuccess, unix.SYS_FCNTL, uintptr(i), unix.F_SETFD, 0)
		default:
			p.dup(source, i)
		}
	}
}

// standardFiles is the number of descriptors that are not inherited: those that are
// none of the child's files are closed, as package syscall does.
const standardFiles = 3

// closeStandard closes what is left of them.
func (p *script) closeStandard() {
	for fd := len(p.sources); fd < standardFiles; fd++ {
		p.add("close", wantAnything, unix.SYS_CLOSE, uintptr(fd))
	}
}

// isInheritable is a variable for a test, which has a table of its own.
var isInheritable = inheritable.Is

// takeSpare returns a number at which the child needs nothing.
func (p *script) takeSpare() int {
	for p.spare == p.kept || p.inherits && isInheritable(p.spare) {
		p.spare++
	}
	p.spare++
	return p.spare - 1
}
