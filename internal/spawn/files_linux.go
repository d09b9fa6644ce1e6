//go:build linux && (amd64 || arm64)

package spawn

import (
	"os"

	"golang.org/x/sys/unix"
)

// lowFiles is the number of descriptors that a child may copy from its parent
// at next to no cost.
const lowFiles = 64

// callFetch is the name of the steps that another way to get the files can
// replace.
const callFetch = "pidfd_getfd"

// takeTable gives the child a descriptor table of its own that has the files
// in it, and records where. The child shares its parent's table at first;
// close_range with CLOSE_RANGE_UNSHARE copies what lies below the range.
//
// If all files have low numbers, that is a few descriptors. If not, and the
// parent has thousands, the copy would cost more than the whole start: so the
// child begins with an empty table and fetches each file from its parent, which
// needs what ptrace(2) calls PTRACE_MODE_ATTACH_REALCREDS. copyFiles is for
// where that was refused.
func (p *program) takeTable(files []uintptr, copyFiles bool) {
	end := p.setSources(files)
	if end <= lowFiles || copyFiles {
		p.add("close_range", wantSuccess, unix.SYS_CLOSE_RANGE, uintptr(end), ^uintptr(0), unix.CLOSE_RANGE_UNSHARE)
		return
	}
	const parent = 0 // the pidfd's number: the lowest that is free
	p.add("close_range", wantSuccess, unix.SYS_CLOSE_RANGE, 0, ^uintptr(0), unix.CLOSE_RANGE_UNSHARE)
	p.add(callFetch, uintptr(os.Getpid()), unix.SYS_GETPPID) // false in another pid namespace
	p.add(callFetch, wantSuccess, unix.SYS_PIDFD_OPEN, uintptr(os.Getpid()), 0)
	next := parent + 1
	for i, source := range p.sources {
		if source < 0 {
			continue
		}
		p.add(callFetch, uintptr(next), unix.SYS_PIDFD_GETFD, parent, uintptr(source), 0)
		p.sources[i] = next
		next++
	}
}

// placeFiles moves the files to where the child is to find them and closes all
// else.
func (p *program) placeFiles() {
	p.moveFiles(0)
	p.add("close_range", wantSuccess, unix.SYS_CLOSE_RANGE, uintptr(len(p.sources)), ^uintptr(0), 0)
}

func (p *script) dup(from, to int) {
	p.add("dup3", wantSuccess, unix.SYS_DUP3, uintptr(from), uintptr(to), 0)
}

func (p *script) dupCloseOnExec(from, to int) {
	p.add("dup3", wantSuccess, unix.SYS_DUP3, uintptr(from), uintptr(to), unix.O_CLOEXEC)
}
