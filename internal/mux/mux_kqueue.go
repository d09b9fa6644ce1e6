//go:build darwin || freebsd

package mux

import (
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Watcher is told when its process has exited, once. Exited must not block.
// status is the wait status, if the event carries it.
type Watcher interface {
	Exited(status uint32, known bool)
}

// A Mux watches processes. The zero Mux is ready for use and holds nothing; it
// opens its kqueue for the first Reserve and closes it when the last
// reservation has been given back for some time.
//
// A kqueue cannot be in the Go runtime's poller (it refuses to be made
// nonblocking), so the goroutine that waits takes a thread, one in all.
type Mux struct {
	// mu guards the fields below. Waiting and the calls of watchers go on
	// without it.
	mu        sync.Mutex
	open      bool // while closed, no goroutine runs
	kq        int
	reserved  int
	idleSince time.Time // when reserved fell to 0
	deadline  bool      // the goroutine wakes by itself, to look at idleSince
	watchers  watchers[Watcher]
}

// Reserve makes sure that a process can be watched. Release gives the
// reservation back.
func (m *Mux) Reserve() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.open {
		if err := m.start(); err != nil {
			return err
		}
	}
	m.reserved++
	return nil
}

// Release gives back a reservation that no watch has used.
func (m *Mux) Release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release()
}

// release gives a reservation back. The caller holds mu.
func (m *Mux) release() {
	m.reserved--
	if m.reserved > 0 {
		return
	}
	m.idleSince = time.Now()
	if !m.deadline {
		m.deadline = true
		control(m.kq, newEvent(0, unix.EVFILT_USER, 0, unix.NOTE_TRIGGER))
	}
}

// WatchNumber has w told when the process with the number pid exits. It uses up
// a reservation, which Remove gives back, also after an error. ESRCH says that
// there is no such process, or one that is about to exit.
func (m *Mux) WatchNumber(pid int, w Watcher) (ID, error) {
	return m.watch(pid, unix.EVFILT_PROC, unix.EV_ONESHOT, exitNotes, w)
}

func (m *Mux) watch(ident, filter, flags int, notes uint32, w Watcher) (ID, error) {
	m.mu.Lock()
	id, kq := m.watchers.add(w), m.kq
	m.mu.Unlock()

	change := newEvent(ident, filter, unix.EV_ADD|flags, notes)
	*change.id() = id
	return id, control(kq, change)
}

// Remove ends a watch. A call of the watcher may be under way. The kernel's part
// of it ends with the exit event or, for a descriptor, with its close. Removing
// it by number could hit the next process that has the same one.
func (m *Mux) Remove(id ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watchers.byID, id)
	m.release()
}

// An event is a unix.Kevent_t in which the garbage collector sees no pointer: an
// ID in Udata may look like one into its heap.
type event [unsafe.Sizeof(unix.Kevent_t{}) / unsafe.Sizeof(uintptr(0))]uintptr

func newEvent(ident, filter, flags int, notes uint32) (e event) {
	unix.SetKevent(e.kevent(), ident, filter, flags)
	e.kevent().Fflags = notes
	return e
}

func (e *event) kevent() *unix.Kevent_t { return (*unix.Kevent_t)(unsafe.Pointer(e)) }

func (e *event) id() *ID { return (*ID)(unsafe.Pointer(&e.kevent().Udata)) }

// control wraps kevent(2) for one change.
func control(kq int, change event) error {
	for {
		_, err := unix.Kevent(kq, unsafe.Slice(change.kevent(), 1), nil, nil)
		if err != unix.EINTR {
			return os.NewSyscallError("kevent", err)
		}
	}
}

// start opens the kqueue and starts the goroutine that waits. The caller holds
// mu. A child does not inherit a kqueue: kqueue(2).
func (m *Mux) start() error {
	if err := ReservePoller(); err != nil { // for the timers of our callers
		return err
	}
	kq, err := unix.Kqueue()
	if err != nil {
		return os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(kq)
	wake := newEvent(0, unix.EVFILT_USER, unix.EV_ADD|unix.EV_CLEAR, 0)
	if err := control(kq, wake); err != nil {
		unix.Close(kq)
		return err
	}
	m.open, m.kq, m.deadline = true, kq, false
	go m.run(kq)
	return nil
}

// run calls watchers until the Mux has been idle for the linger time.
func (m *Mux) run(kq int) {
	events := make([]event, 128)
	for {
		n, err := unix.Kevent(kq, nil, unsafe.Slice(events[0].kevent(), len(events)), m.timeout())
		switch err {
		case nil:
		case unix.EINTR, unix.ETIMEDOUT: // Darwin: golang/go#59679
			n = 0
		default:
			// Nothing but a descriptor closed by a stranger leads here.
			panic("ward: kevent: " + err.Error())
		}
		for i := range n {
			m.exited(&events[i])
		}
		if n == 0 && m.closeIfIdle() {
			return
		}
	}
}

// timeout is how long to wait for events, or nil for any length of time.
func (m *Mux) timeout() *unix.Timespec {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.deadline {
		return nil
	}
	left := max(time.Until(m.idleSince.Add(linger)), 0)
	timeout := unix.NsecToTimespec(int64(left))
	return &timeout
}

func (m *Mux) exited(e *event) {
	m.mu.Lock()
	w := m.watchers.byID[*e.id()]
	m.mu.Unlock()
	if w != nil {
		w.Exited(uint32(e.kevent().Data), e.kevent().Fflags&statusNote != 0)
	}
}

// closeIfIdle gives everything back if no reservation was made for the linger
// time. It ends the deadline if there is a reservation.
func (m *Mux) closeIfIdle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reserved > 0 {
		m.deadline = false
		return false
	}
	if !m.deadline || time.Now().Before(m.idleSince.Add(linger)) {
		return false
	}
	unix.Close(m.kq)
	m.open, m.watchers.byID = false, nil
	return true
}
