package ward

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"github.com/wardproc/ward/internal/mux"
	"github.com/wardproc/ward/internal/spawn"
	"golang.org/x/sys/unix"
)

// procdesc is the FreeBSD backend: a process descriptor, which refers to the
// process and not to its number. See pdfork(2). A child that has one is not
// seen by wait4(-1) and raises no SIGCHLD. A wait by its number takes it, and so
// do wait4(0) and a wait by process group.
//
// The number is the child's own until it is reaped. The descriptor is closed
// only then: the close of an unreaped zombie would reap it, without a status. From
// FreeBSD 16 on the kernel keeps the number until that close: pdfork(2). So pdwait(2),
// which comes with it, would add nothing to a wait by number.
type procdesc struct {
	fd      int
	process *process
	watchID mux.ID
	event   exitEvent
	stolen  bool // wait4 has said that there is no such child
}

func startProcdesc(name string, argv []string, attr *Attr, sysattr *syscall.ProcAttr) (*process, error) {
	if !attr.Tree {
		return startInTree(name, argv, attr, sysattr, nil)
	}
	t, err := reaping.add() // before the child, which else is no member
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	p, err := startInTree(name, argv, attr, sysattr, t)
	if err != nil {
		t.close()
	}
	return p, err
}

func startInTree(name string, argv []string, attr *Attr, sysattr *syscall.ProcAttr, t *subtree) (*process, error) {
	if err := exits.Reserve(); err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	flags := spawn.Daemon
	if attr.KillOnParentExit {
		flags = 0 // the kernel closes the last descriptor, and so kills
	}
	b := new(procdesc)
	var pid int
	_, err := launch(attr.Sys, func() (err error) {
		pid, b.fd, err = spawn.Start(name, argv, sysattr, flags)
		return err
	})
	if err != nil {
		exits.Release()
		var failed *spawn.Error
		if errors.As(err, &failed) {
			err = failed.Errno // without the call's name, as users know it
		}
		return nil, &fs.PathError{Op: "fork/exec", Path: name, Err: err}
	}
	p := newProcess(pid, b)
	if t != nil {
		t.started(pid)
		p.tree = t
		p.dropped = runtime.AddCleanup(p, (*subtree).close, t)
	}
	b.process = p
	p.mu.Lock() // Exited may come before watchID is there
	defer p.mu.Unlock()
	table.add(p)
	if b.watchID, err = exits.WatchDescriptor(b.fd, b); err != nil {
		b.abandon()
		table.remove(p)
		p.backend, p.err = nil, err // for a reap that waits for the lock
		return nil, &Error{Op: "start", Err: err}
	}
	return p, nil
}

// abandon ends a child that nobody is to hear of.
func (b *procdesc) abandon() {
	pdkill(b.fd, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(b.process.pid, nil, 0, nil); err != unix.EINTR {
			break
		}
	}
	b.close()
}

// Exited is called by exits. The kernel holds the lock of the process from the
// event until it is a zombie, so that wait4 finds it: sys/kern/kern_exit.c.
func (b *procdesc) Exited(status uint32, known bool) {
	b.process.mu.Lock()
	b.event = newExitEvent(status, known)
	b.process.mu.Unlock()
	b.process.reap()
}

func (b *procdesc) reap() (*State, error) {
	if !b.stolen {
		state, err := waitNumber(b.process.pid)
		switch {
		case err == ErrRunning && b.event.heard:
			// Stolen, and the number is another child's by now.
		case err != ErrStatusLost:
			return state, err
		}
		b.stolen = true // from here on the number is not asked about
	}
	return b.event.recover(b.process.pid)
}

// supersede has the number no more asked about.
func (b *procdesc) supersede() { b.stolen = true }

func (b *procdesc) signal(sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return errStrangeSignal
	}
	err := pdkill(b.fd, s)
	if err == unix.ESRCH {
		return processDone{}
	}
	return os.NewSyscallError("pdkill", err)
}

func (b *procdesc) handle() (uintptr, bool) { return uintptr(b.fd), true }

func (b *procdesc) close() {
	exits.Remove(b.watchID)
	unix.Close(b.fd)
}

// pdkill wraps pdkill(2).
func pdkill(fd int, sig syscall.Signal) error {
	_, _, errno := unix.Syscall(unix.SYS_PDKILL, uintptr(fd), uintptr(sig), 0)
	if errno != 0 {
		return errno
	}
	return nil
}
