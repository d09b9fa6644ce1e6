//go:build amd64 || arm64

// Package spawn makes children on FreeBSD with a process descriptor, pdfork(2),
// for which package syscall has no way.
//
// The child is a fork: it has a copy of the caller's memory, and one thread. It
// runs no Go code, as the Go runtime in it misses all others: a few instructions
// of assembly work through a spawn program, a flat array of system calls that
// was prepared before. The caller waits in read(2) on a pipe that the exec
// closes, and over which the child tells which call failed.
//
// pdrfork(2) of FreeBSD 16 with RFSPAWN, which shares the memory as vfork(2) does, is
// not used: it would stop the calling thread, and the garbage collector with it,
// until the exec.
package spawn

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// Daemon is PD_DAEMON of pdfork(2): the child lives on when its last descriptor
// is closed. Without it the child is killed then.
const Daemon = 0x1

// closeOnExec is PD_CLOEXEC of pdfork(2), O_CLOEXEC for the descriptor.
const closeOnExec = 0x2

// shared is the memory that the parent prepares for the assembly, which knows
// its offsets from go_asm.h. The child has a copy of it at the same address.
type shared struct {
	every    sigset  // a full signal mask
	mask     sigset  // the caller's signal mask
	first    uintptr // the address of the first step
	flags    uintptr // of pdfork
	pipe     uintptr // where the child writes failure
	failure  failure
	procdesc int32
}

// sigset is sigset_t of <sys/_sigset.h>.
type sigset [4]uint32

// failure is what the child tells of a step that failed.
type failure struct {
	errno uintptr
	step  uintptr // its address
}

// pdfork makes a child that runs the program at s.first, with all signals
// blocked in both until the caller's mask is back. It returns the child's pid
// or a negative errno. It is not preempted.
//
//go:noescape
func pdfork(s *shared) int

// Child makes a child that executes the program name. It covers what Covers says. If it
// inherits, it gets the descriptors without close-on-exec, too. flags is Daemon or 0.
// The descriptor is close-on-exec; the caller owns it and the child, which is
// to be waited for by its number. The error is an *Error, or syscall.EINVAL for
// a string that holds a NUL.
func Child(name string, argv []string, attr *syscall.ProcAttr, inherits bool, flags int) (
	pid, fd int, err error,
) {
	p := programs.Get().(*program)
	defer programs.Put(p)
	defer p.reset()
	p.inherits = inherits
	read, write, err := reportPipe(max(len(attr.Files), standardFiles))
	if err != nil {
		return 0, 0, err
	}
	if err := p.build(name, argv, attr, write); err != nil {
		unix.Close(read)
		unix.Close(write)
		return 0, 0, err
	}
	return p.run(read, write, flags)
}

var programs = sync.Pool{New: func() any { return new(program) }}

// reportPipe makes a pipe whose write end is not among the numbers of files,
// which the child's own files take.
func reportPipe(files int) (read, write int, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return 0, 0, &Error{"pipe2", err.(syscall.Errno)}
	}
	if p[1] >= files {
		return p[0], p[1], nil
	}
	write, err = unix.FcntlInt(uintptr(p[1]), unix.F_DUPFD_CLOEXEC, files)
	unix.Close(p[1])
	if err != nil {
		unix.Close(p[0])
		return 0, 0, &Error{"fcntl(F_DUPFD_CLOEXEC)", err.(syscall.Errno)}
	}
	return p[0], write, nil
}

// run makes the child and waits until it has begun its program or failed. It
// closes the pipe.
func (p *program) run(read, write, flags int) (pid, fd int, err error) {
	// A read that the runtime's poller waits for takes no thread: an exec may hang.
	unix.SetNonblock(read, true)
	pipe := os.NewFile(uintptr(read), "")
	defer pipe.Close()
	s := &p.shared
	s.every = sigset{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)}
	s.first = uintptr(unsafe.Pointer(&p.steps[0]))
	s.flags = uintptr(flags | closeOnExec)
	s.pipe = uintptr(write)
	pid = p.fork()
	runtime.KeepAlive(p)
	unix.Close(write)
	if pid < 0 {
		return 0, 0, &Error{"pdfork", syscall.Errno(-pid)}
	}
	fd = int(s.procdesc)
	if err := p.report(pipe); err != nil {
		wait(pid)
		unix.Close(fd)
		return 0, 0, err
	}
	return pid, fd, nil
}

// fork makes the child, which has a copy of the table from the start.
func (p *program) fork() (pid int) {
	if !p.inherits || !forks.enter() {
		return pdfork(&p.shared)
	}
	pid = pdfork(&p.shared)
	forks.mu.Lock()
	defer forks.mu.Unlock()
	forks.leave()
	return pid
}

// report waits for the exec, or for what the child says of its failure. A child
// that is killed before its exec says nothing: it was started, and has exited.
func (p *program) report(pipe *os.File) error {
	f := &p.shared.failure // the child has written its copy
	buffer := unsafe.Slice((*byte)(unsafe.Pointer(f)), unsafe.Sizeof(*f))
	switch _, err := pipe.Read(buffer); { // a pipe takes so few bytes as one piece
	case err == io.EOF:
		return nil
	case err != nil:
		errno := unix.EIO
		errors.As(err, &errno)
		return &Error{"read", errno}
	}
	return &Error{p.call(f.step), syscall.Errno(f.errno)}
}

// wait reaps a child that has ended or is about to.
func wait(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

// Works tells what of the package the system refuses, by trying it: pdfork, which
// a kernel without process descriptors lacks, and close_range (FreeBSD 12.2).
func Works() error { return works.Err() }

var works = probe.Probe{Try: func() error {
	read, write, err := reportPipe(0)
	if err != nil {
		return err
	}
	p := new(program)
	p.add("close_range", wantSuccess, unix.SYS_CLOSE_RANGE, uintptr(write)+1, ^uintptr(0), 0)
	p.add("exit", wantSuccess, unix.SYS_EXIT, 0)
	pid, fd, err := p.run(read, write, 0)
	if err != nil {
		return err
	}
	wait(pid)
	return unix.Close(fd)
}}
