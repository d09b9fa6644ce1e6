//go:build darwin || freebsd

package mux

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// WatchNumber has w told when the process with the number pid exits. It uses up
// a reservation, which Remove gives back, also after an error. ESRCH says that
// there is no such process, or one that is about to exit.
func (m *Mux) WatchNumber(pid int, w Watcher) (ID, error) {
	return m.watch(newPlace(pid, unix.EVFILT_PROC, unix.EV_ONESHOT, exitNotes), w)
}

// A place is the change that puts a watch into a queue.
type place struct{ change event }

func newPlace(ident, filter, flags int, notes uint32) place {
	return place{newEvent(ident, filter, unix.EV_ADD|flags, notes)}
}

// lost reports nothing: where the kernel keeps nothing that tells one descriptor from
// the next of its number, the watcher has to look.
func (p place) lost() bool { return false }

// enter puts a watch into a queue that does not have it.
func (p place) enter(q *queue, id ID) error {
	*p.change.id() = id
	return q.control(p.change)
}

// Verify makes sure that an event will be heard.
func (m *Mux) Verify() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mend()
}

// A queue is a kqueue. It cannot be in the Go runtime's poller (it refuses to
// be made nonblocking), so the goroutine that waits takes a thread, one in all.
type queue struct {
	fd   int
	mark int                       // the number of its user event
	wake atomic.Pointer[time.Time] // the time of wakeAt
}

// marks makes the marks of queues differ, from one another and from what a stranger
// would call a user event.
var marks atomic.Int32

const firstMark = 0x77617264

// openQueue opens one. A child does not inherit it: kqueue(2).
func openQueue() (*queue, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(fd)
	q := &queue{fd: fd, mark: firstMark + int(marks.Add(1)%1024)}
	wake := newEvent(q.mark, unix.EVFILT_USER, unix.EV_ADD|unix.EV_CLEAR, 0)
	if err := q.control(wake); err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

func (q *queue) close() { unix.Close(q.fd) }

// lost reports whether the number does not stand for the kqueue any more: then the
// kernel does not find its user event, which to enable does nothing.
func (q *queue) lost() bool {
	err := q.control(newEvent(q.mark, unix.EVFILT_USER, unix.EV_ENABLE, 0))
	return errors.Is(err, unix.EBADF) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT)
}

// forsake gives a lost queue up. A wait that is under way goes on for as long as the
// kernel keeps the kqueue for it, at the longest until the next of its processes exits.
func (q *queue) forsake() {}

// wakeAt has wait return without an event from t on, or no more if t is zero. A
// wait that is under way returns with an event for nobody, for its timeout is
// out of date.
func (q *queue) wakeAt(t time.Time) {
	q.wake.Store(&t)
	q.control(newEvent(q.mark, unix.EVFILT_USER, 0, unix.NOTE_TRIGGER))
}

// wait wraps kevent(2). It may return without an event for no reason.
func (q *queue) wait(events []event) (int, error) {
	if q.lost() {
		return 0, unix.EBADF // the events are a stranger's
	}
	room := unsafe.Slice(events[0].kevent(), len(events))
	n, err := unix.Kevent(q.fd, nil, room, q.timeout())
	switch err {
	case unix.EINTR, unix.ETIMEDOUT: // Darwin: golang/go#59679
		return 0, nil
	}
	return n, os.NewSyscallError("kevent", err)
}

// timeout is how long to wait for events, or nil for any length of time.
func (q *queue) timeout() *unix.Timespec {
	wake := q.wake.Load()
	if wake == nil || wake.IsZero() {
		return nil
	}
	timeout := unix.NsecToTimespec(int64(max(time.Until(*wake), 0)))
	return &timeout
}

// control wraps kevent(2) for one change.
func (q *queue) control(change event) error {
	for {
		_, err := unix.Kevent(q.fd, unsafe.Slice(change.kevent(), 1), nil, nil)
		if err != unix.EINTR {
			return os.NewSyscallError("kevent", err)
		}
	}
}

// An event is a unix.Kevent_t in which the garbage collector sees no pointer: an
// ID in Udata may look like one into its heap.
type event [unsafe.Sizeof(unix.Kevent_t{}) / unsafe.Sizeof(uintptr(0))]uintptr

func newEvent(ident, filter, flags int, notes uint32) (e event) {
	unix.SetKevent(e.kevent(), ident, filter, flags)
	e.kevent().Fflags = notes
	return e
}

// decode returns what e says.
func decode(e *event) (id ID, status uint32, known bool) {
	return *e.id(), uint32(e.kevent().Data), e.kevent().Fflags&statusNote != 0
}

func (e *event) kevent() *unix.Kevent_t { return (*unix.Kevent_t)(unsafe.Pointer(e)) }

func (e *event) id() *ID { return (*ID)(unsafe.Pointer(&e.kevent().Udata)) }
