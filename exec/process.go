package exec

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/wardproc/ward"
)

// A ProcessState tells how a process ended: a [ward.State], which has the
// methods of os.ProcessState. Its SysUsage is nil where other code in the program
// took the status (see Recovered) and where the kernel reaped a private child
// (see [ward.Attr]).
type ProcessState = ward.State

// A Process is a child that [Cmd.Start] started, with the field and the methods
// of os.Process. Unlike there, all methods may be called at any time by any
// goroutine, but for Release, which sets Pid.
type Process struct {
	Pid int

	handle ward.Handle
	ended  atomic.Bool // before Release
}

var (
	errReleased       = errors.New("os: process already released")
	errNotInitialized = errors.New("os: process not initialized")
)

// Wait waits for the exit, any number of times. After Release it returns
// syscall.EINVAL, or if the child had ended by then an error that wraps ECHILD.
func (p *Process) Wait() (*ProcessState, error) {
	if p.handle == nil {
		return nil, os.NewSyscallError("wait", syscall.EINVAL)
	}
	state, err := p.handle.Wait(context.Background())
	if errors.Is(err, ward.ErrClosed) {
		err = syscall.EINVAL
		if p.ended.Load() {
			err = os.NewSyscallError("wait", noChild)
		}
	}
	return state, err
}

// Signal sends sig. It returns os.ErrProcessDone once the child is known to be
// gone, be it waited for or not.
func (p *Process) Signal(sig os.Signal) error {
	if p.handle == nil {
		return p.notStarted()
	}
	err := p.handle.Signal(sig)
	if runtime.GOOS == "windows" && errors.Is(err, ward.ErrClosed) {
		return syscall.EINVAL
	}
	return p.reason(err)
}

// notStarted is the error of a Process that Start has not made.
func (p *Process) notStarted() error {
	if p.Pid == -1 {
		return errReleased
	}
	return errNotInitialized
}

// Kill is Signal with os.Kill: the child alone, whatever Cmd.Tree is.
func (p *Process) Kill() error { return p.Signal(os.Kill) }

// Release lets go of the child: it goes on, and is still reaped when it ends.
// As in package os, Pid becomes -1, but for Windows.
func (p *Process) Release() error {
	if p.handle == nil {
		p.Pid = -1
		return nil
	}
	ended := false
	select {
	case <-p.handle.Done():
		ended = true
	default:
	}
	err := p.handle.Close()
	if err == nil {
		p.ended.Store(ended)
	}
	if runtime.GOOS == "windows" {
		if err != nil {
			return syscall.EINVAL
		}
		return nil
	}
	p.Pid = -1
	return nil
}

// WithHandle calls f with the system's handle, as [ward.Handle] does.
func (p *Process) WithHandle(f func(handle uintptr)) error {
	if p.handle == nil {
		return os.ErrNoHandle
	}
	return p.reason(p.handle.WithHandle(f))
}

// reason is the function reason for a child that may have ended before it was released,
// which comes first.
func (p *Process) reason(err error) error {
	if p.ended.Load() && errors.Is(err, ward.ErrClosed) {
		return os.ErrProcessDone
	}
	return reason(err)
}

// reason returns err in the words of package os: the bare cause, on Windows with
// the name of the call.
func reason(err error) error {
	switch {
	case errors.Is(err, os.ErrProcessDone):
		return os.ErrProcessDone
	case errors.Is(err, ward.ErrClosed):
		return errReleased
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok && runtime.GOOS != "windows" {
		return call.Err
	}
	if failed, ok := errors.AsType[*ward.Error](err); ok {
		return failed.Err
	}
	return err
}
