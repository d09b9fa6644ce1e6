//go:build linux && (amd64 || arm64)

package spawn

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"github.com/wardproc/ward/internal/lockorder"
	"golang.org/x/sys/unix"
)

// branch is the number of a step that is no system call of its own. It clones a process,
// by the cloneCall at its first argument, which begins with the step at the second
// argument; the one that clones it goes on with the next step.
const branch = 1 << 29

// ErrNotApart is returned for a child that is to change its ids where it cannot have
// memory of its own. The standard library's way does without.
var ErrNotApart = fmt.Errorf("memory of its own for a child that changes its ids: %w", errors.ErrUnsupported)

// mayBeApart reports whether there may be a process in between: not where that would
// be the first one in a new pid namespace, which ends with it.
func mayBeApart() bool { return sharesPIDNamespace() }

// firstPidfd is the pidfd of the process that begins with the steps.
func (p *program) firstPidfd() int {
	if p.apart {
		return int(p.between.pidfd)
	}
	return int(p.shared.pidfd)
}

// setApart has the child of the program use memory of its own. A child that shares
// ours while it changes its ids takes the program's dumpable flag away (commit_creds
// in the kernel), and would be open to the debugger of its new user if something gave
// the flag back.
//
// Such a child is a fork: the kernel copies the page tables of the program, which
// takes longer the more memory that uses. Its exec clears no word of ours, so a
// process in between waits for that in vfork(2). This one shares our memory, with our
// own ids, and clears the word at its end.
func (p *program) setApart() {
	p.apart = true
	p.addBranch()
	p.addExit()
	p.beginBranched()
}

// addBranch adds the branch to a program that has no step yet.
func (p *program) addBranch() {
	p.branches = true
	p.add(cloneName(), wantAnything, branch, uintptr(unsafe.Pointer(&p.branchCall)))
}

// beginBranched has the process that the branch clones begin with the steps that follow.
func (p *program) beginBranched() { p.other = len(p.steps) }

// addExit adds the end of a process.
func (p *program) addExit() { p.add("exit_group", wantSuccess, unix.SYS_EXIT_GROUP, 0) }

// runApart is run for a child with memory of its own.
func (p *program) runApart(m maker) (pid, pidfd int, err error) {
	report, err := reports.get()
	if err != nil {
		return 0, 0, err
	}
	defer reports.put(report)
	s := p.shared
	p.between = process{}
	p.ready()
	s.report = report
	if p.told > 0 {
		p.steps[p.told].args[2] = uintptr(unsafe.Pointer(&report.table))
	}
	p.first.pidfd = uint64(uintptr(unsafe.Pointer(&p.between.pidfd)))
	c := &p.branched
	c.flags |= unix.CLONE_VFORK | unix.CLONE_PARENT | unix.CLONE_FILES | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_PARENT_SETTID
	c.pidfd = uint64(uintptr(unsafe.Pointer(&s.pidfd)))
	c.parentTID = uint64(uintptr(unsafe.Pointer(p.pid)))
	defer p.holdForkLock()()
	if err := p.clone(m); err != nil {
		return 0, 0, err
	}
	m.reap(int(p.between.pidfd))
	switch {
	case report.step == 0:
		return int(*p.pid), int(s.pidfd), nil
	case *p.pid != 0:
		m.reap(int(s.pidfd))
	case syscall.Errno(report.errno) == unix.ENOMEM: // not enough for another one of the program's size
		return 0, 0, ErrNotApart
	}
	return 0, 0, p.failed(*report)
}

// reports are places in memory that a process with memory of its own shares. They are
// kept: a fork takes longer the more mappings there are, and many starts may hang.
var reports reportList

type reportList struct {
	mu   lockorder.Mutex[lockorder.Reports] // guards the field below
	free []*failure
}

func (l *reportList) get() (*failure, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.free) == 0 {
		page, err := sharedPage()
		if err != nil {
			return nil, err
		}
		each := unsafe.Slice((*failure)(unsafe.Pointer(unsafe.SliceData(page))), len(page)/int(unsafe.Sizeof(failure{})))
		for i := range each {
			l.free = append(l.free, &each[i])
		}
	}
	last := len(l.free) - 1
	report := l.free[last]
	l.free = l.free[:last]
	*report = failure{}
	return report, nil
}

func (l *reportList) put(report *failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, report)
}

// sharedPage returns memory that a process with memory of its own shares.
func sharedPage() ([]byte, error) {
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	return page, os.NewSyscallError("mmap", err)
}
