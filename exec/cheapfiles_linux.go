package exec

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A cheapPipe is a pipe for a stream of output. Unlike os.Pipe it leaves the child's end
// out of the runtime's poller, and our end, too, until that is needed: what a child has
// written that has ended is read without it.
type cheapPipe struct {
	fd   int      // our end, or -1
	file *os.File // has it from open on
}

func newCheapPipe() (p *cheapPipe, child *os.File, err error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	return &cheapPipe{fd: fds[0]}, os.NewFile(uintptr(fds[1]), "|1"), nil
}

// open returns our end. Where the poller refuses it reads block a thread, as with os.Pipe.
func (p *cheapPipe) open() (*os.File, error) {
	fd := p.fd
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	p.file, p.fd = os.NewFile(uintptr(fd), "|0"), -1
	if errors.Is(p.file.SetReadDeadline(time.Time{}), os.ErrNoDeadline) {
		syscall.SetNonblock(fd, false)
	}
	return p.file, nil
}

func (p *cheapPipe) Close() error {
	if p.file != nil {
		return p.file.Close()
	}
	fd := p.fd
	p.fd = -1
	if fd < 0 {
		return os.ErrClosed
	}
	return syscall.Close(fd)
}

// drain copies to w what is left in the pipe, if nobody can write to it any more.
func (p *cheapPipe) drain(w io.Writer) (ended bool, err error) {
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, 0); err != unix.EINTR {
			break
		}
	}
	switch fds[0].Revents & (unix.POLLIN | unix.POLLHUP) {
	case unix.POLLIN | unix.POLLHUP:
		_, err = io.Copy(w, p)
		return true, err
	case unix.POLLHUP:
		return true, nil
	}
	return false, nil
}

// Read is for drain.
func (p *cheapPipe) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(p.fd, b)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, &os.PathError{Op: "read", Path: "|0", Err: err}
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}
