package mux

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mdlayher/socket"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"golang.org/x/sys/unix"
)

// What a watch waits for. It is edge-triggered, as the process may stay a zombie:
// while a tracer holds it, or somebody uses the pidfd. The present state counts as
// an edge when the watch begins, and so does the reap.
const (
	exited uint32 = unix.EPOLLIN | unix.EPOLLET
	reaped uint32 = unix.EPOLLET // a hang-up is always told
)

// A place is where in a queue a watch is: under the pidfd, and waiting for events,
// or, with none, suspended.
type place struct {
	pidfd  pidfds.Descriptor
	events uint32
}

// number is that of a descriptor that no other live watch can have.
func (p place) number() (fd int, ok bool) { return p.pidfd.FD, true }

// lost reports whether the descriptor is another file's by now.
func (p place) lost() bool { return p.pidfd.Lost() }

// enter puts a watch into a queue that does not have it.
func (p place) enter(q *queue, id ID) error {
	if p.events == 0 {
		return nil
	}
	return q.control(unix.EPOLL_CTL_ADD, p, id)
}

// Watch has w told when the process of a pidfd has exited. It uses up a
// reservation, which Remove gives back, also after an error. It fails only for want
// of kernel memory or beyond fs.epoll.max_user_watches.
func (m *Mux) Watch(pidfd pidfds.Descriptor, w Watcher) (ID, error) {
	return m.watch(place{pidfd, exited}, w)
}

// AwaitHangup has the watcher told when the process has been reaped, and no more
// when it has merely exited. Requires Linux 6.9, before which a pidfd has no
// hang-up.
func (m *Mux) AwaitHangup(id ID) error { return m.change(id, unix.EPOLL_CTL_MOD, reaped) }

// Suspend has the watcher no longer told, until Resume. Closing the pidfd is not
// enough for that: a copy of it, as in a child that has not yet reached its exec,
// would keep the event alive (epoll(7), questions and answers, 6).
func (m *Mux) Suspend(id ID) { m.change(id, unix.EPOLL_CTL_DEL, 0) }

// Resume ends Suspend.
func (m *Mux) Resume(id ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.mend(); err != nil {
		return err
	}
	w := m.watches[id]
	w.events = exited
	m.watches[id] = w
	return w.enter(m.queue, id)
}

// Verify makes sure that an event of a watch that is not suspended will be heard. The
// kernel finds the watch by the open file and its number, so that its answer proves
// both descriptors. An error says that the pidfd has been lost.
func (m *Mux) Verify(id ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.control(unix.EPOLL_CTL_MOD, id, m.watches[id])
}

// Move has a watch go on with another pidfd of the same process.
func (m *Mux) Move(id ID, to pidfds.Descriptor) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.mend()
	w := m.watches[id]
	m.forget(id)
	w.pidfd = to
	m.settle(id, w)
	if err != nil {
		return nil // the queue is mended later, with the watch
	}
	return w.enter(m.queue, id)
}

// change has a watch wait for other events, or none.
func (m *Mux) change(id ID, op int, events uint32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.watches[id]
	w.events = events
	m.watches[id] = w
	return m.control(op, id, w)
}

// control is control of the queue for a watch that is in it. If the queue is lost, so
// that the watch is in another one by now, or soon, there is no error. The caller
// holds mu.
func (m *Mux) control(op int, id ID, w watch) error {
	err := m.queue.control(op, w.place, id)
	if err == nil {
		return nil
	}
	queue := m.queue
	if m.mend() != nil || m.queue != queue {
		return nil
	}
	return err
}

// A queue is an epoll instance, itself in the Go runtime's poller.
type queue struct {
	conn *socket.Conn
	fd   int // the descriptor inside conn
	mark int
}

// marks makes the marks of queues differ.
var marks atomic.Uint32

func openQueue() (*queue, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// The signal of an open file, which an epoll instance never sends, tells this one
	// from any other that gets its number.
	const signals = 64
	mark := int(marks.Add(1)%signals) + 1
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETSIG, mark); err != nil {
		mark = 0
	}
	conn, err := socket.New(fd, "ward epoll")
	if err != nil {
		return nil, err // the file that New made of fd closes it
	}
	return &queue{conn, fd, mark}, nil
}

func (q *queue) close() { q.conn.Close() }

// lost reports whether the number does not stand for the epoll instance any more.
func (q *queue) lost() bool {
	mark, err := unix.FcntlInt(uintptr(q.fd), unix.F_GETSIG, 0)
	return err == unix.EBADF || err == nil && mark != q.mark
}

func (q *queue) forsake() { Forsake(q.conn) }

// wakeAt has wait return without an event from t on, or no more if t is zero.
func (q *queue) wakeAt(t time.Time) { q.conn.SetReadDeadline(t) }

// wait wraps epoll_wait(2) in the runtime's poller.
func (q *queue) wait(events []event) (n int, err error) {
	err = q.conn.ReadFunc(context.Background(), "epoll_wait", func(fd int) error {
		if q.lost() {
			return errLost // the events are a stranger's
		}
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

var errLost = errors.New("epoll descriptor lost")

func (q *queue) control(op int, p place, id ID) error {
	e := event{Events: p.events, Fd: int32(id), Pad: int32(uint64(id) >> 32)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(q.fd, op, p.pidfd.FD, &e))
}

// An event has the ID in Fd and Pad, which are the kernel's 64 bits of data.
type event = unix.EpollEvent

// decode returns what e says. There is no status in it.
func decode(e *event) (id ID, status uint32, known bool) {
	return ID(uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32), 0, false
}
