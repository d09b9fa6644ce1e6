package mux

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

// exited is what a watch waits for. It is edge-triggered, as the process may
// stay a zombie: while a tracer holds it, or somebody uses the pidfd. The
// present state counts as an edge when the watch begins, and so does the reap.
const exited uint32 = unix.EPOLLIN | unix.EPOLLET

// Watch has w told when fd, a pidfd, is readable: the process has exited. It
// uses up a reservation, which Remove gives back, also after an error. It fails
// only for want of kernel memory or beyond fs.epoll.max_user_watches.
func (m *Mux) Watch(fd int, w Watcher) (ID, error) {
	id := m.add(w)
	return id, m.queue.control(unix.EPOLL_CTL_ADD, fd, exited, id)
}

// AwaitHangup has the watcher of fd told when the process has been reaped, and
// no more when it has merely exited. Requires Linux 6.9, before which a pidfd
// has no hang-up.
func (m *Mux) AwaitHangup(fd int, id ID) error {
	return m.queue.control(unix.EPOLL_CTL_MOD, fd, unix.EPOLLET, id)
}

// Suspend has the watcher of fd no longer told, until Resume. Closing fd is not
// enough for that: a copy of it, as in a child that has not yet reached its
// exec, would keep the event alive (epoll(7), questions and answers, 6).
func (m *Mux) Suspend(fd int) { m.queue.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

// Resume ends Suspend.
func (m *Mux) Resume(fd int, id ID) error {
	return m.queue.control(unix.EPOLL_CTL_ADD, fd, exited, id)
}

// A queue is an epoll instance, itself in the Go runtime's poller.
type queue struct {
	conn *socket.Conn
	fd   int // the descriptor inside conn
}

func openQueue() (*queue, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	conn, err := socket.New(fd, "ward epoll")
	if err != nil {
		return nil, err // the file that New made of fd closes it
	}
	return &queue{conn, fd}, nil
}

func (q *queue) close() { q.conn.Close() }

// wakeAt has wait return without an event from t on, or no more if t is zero.
func (q *queue) wakeAt(t time.Time) { q.conn.SetReadDeadline(t) }

// wait wraps epoll_wait(2) in the runtime's poller.
func (q *queue) wait(events []event) (n int, err error) {
	err = q.conn.ReadFunc(context.Background(), "epoll_wait", func(fd int) error {
		var err error
		n, err = unix.EpollWait(fd, events, 0)
		if n == 0 && err == nil {
			return syscall.EAGAIN // the poller waits, then asks again
		}
		return err
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, nil
	}
	return n, err
}

func (q *queue) control(op, fd int, events uint32, id ID) error {
	e := event{Events: events, Fd: int32(id), Pad: int32(uint64(id) >> 32)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(q.fd, op, fd, &e))
}

// An event has the ID in Fd and Pad, which are the kernel's 64 bits of data.
type event = unix.EpollEvent

// decode returns what e says. There is no status in it.
func decode(e *event) (id ID, status uint32, known bool) {
	return ID(uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32), 0, false
}
