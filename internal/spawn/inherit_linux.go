//go:build linux && (amd64 || arm64)

package spawn

import "golang.org/x/sys/unix"

// inheritedFiles is the number of descriptors that a child may inherit. A program can
// have more only if its soft RLIMIT_NOFILE is raised, as the Go runtime does, and only
// this many does select(2) know. The copy of so many takes 10 to 30 µs; to look at the
// flag of each takes 95 µs; and a copy of 15,000 takes longer than five starts.
const inheritedFiles = 1024

// inheritTable is takeTable for a child that inherits. It copies the descriptors that
// may be inherited, and leaves it to the exec to close those with the flag. Files
// with higher numbers it fetches, and moves each to a spare number at once.
func (p *program) inheritTable(files []uintptr, copyFiles bool, paths ...string) {
	p.setSources(files)
	end := max(inheritedFiles, namedEnd(paths))
	if copyFiles {
		end = max(end, tableEnd(files))
	}
	p.unshare(end)
	p.tellTable()
	if tableEnd(files) > end {
		p.fetchInto(end)
	}
}

// fetchInto fetches the files with numbers from end on into the table. Each comes to
// the lowest free number, which has to be known: so 0 is kept free. That is no loss,
// as nobody inherits 0.
func (p *program) fetchInto(end int) {
	p.spare = max(len(p.sources), standardFiles)
	for _, source := range p.sources {
		if source < end {
			p.spare = max(p.spare, source+1)
		}
	}
	p.moveZero()
	p.add("close", wantAnything, unix.SYS_CLOSE, 0)
	p.openProgram()
	from := p.moveFetched()
	for i, source := range p.sources {
		if source >= end {
			p.add(callFetch, wantSuccess, unix.SYS_PIDFD_GETFD, uintptr(from), uintptr(source), 0)
			p.sources[i] = p.moveFetched()
		}
	}
}

// moveZero moves the file that has the number 0, if there is one.
func (p *program) moveZero() {
	to := -1
	for i, source := range p.sources {
		if source != 0 {
			continue
		}
		if to < 0 {
			to = p.takeSpare()
			p.dupCloseOnExec(0, to)
		}
		p.sources[i] = to
	}
}

// moveFetched moves what was fetched to a spare number, and returns that.
func (p *program) moveFetched() int {
	to := p.takeSpare()
	p.dupCloseOnExec(0, to)
	p.add("close", wantSuccess, unix.SYS_CLOSE, 0)
	return to
}

// tellTable adds a step that writes to memory: the signal mask, which is not empty, to
// failure.table. It tells that the child has a table of its own.
func (p *program) tellTable() {
	p.told = len(p.steps)
	p.add("rt_sigprocmask", wantAnything, unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, 0, 0, maskSize)
}
