//go:build (linux || freebsd) && (amd64 || arm64)

package spawn

import "golang.org/x/sys/unix"

// closed is the entry of ProcAttr.Files for a descriptor that is not open.
const closed = ^uintptr(0)

// setSources records where the files are.
func (p *script) setSources(files []uintptr) {
	p.sources = p.sources[:0]
	for _, fd := range files {
		source := -1
		if fd != closed {
			source = int(fd)
		}
		p.sources = append(p.sources, source)
	}
}

// moveFiles moves the files to where the child is to find them. The numbers from
// spare on are free.
func (p *script) moveFiles(spare int) {
	// First out of the way: a file whose number a file before it will take.
	spare = max(spare, len(p.sources))
	for _, source := range p.sources {
		spare = max(spare, source+1)
	}
	for i, source := range p.sources {
		if source >= 0 && source < i {
			p.dupCloseOnExec(source, spare)
			p.sources[i] = spare
			spare++
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
