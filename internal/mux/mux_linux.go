package mux

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

// exited is what a watch waits for. It is edge-triggered, as the process may
// stay a zombie: while a tracer holds it, or somebody uses the pidfd. The
// present state counts as an edge when the watch begins, and so does the reap.
const exited uint32 = unix.EPOLLIN | unix.EPOLLET

// A Watcher is told when its process has exited and when it has been reaped.
// Ready must not block.
type Watcher interface{ Ready() }

// A Mux watches descriptors. The zero Mux is ready for use and holds nothing;
// it opens its epoll descriptor for the first Reserve and closes it when the
// last reservation has been given back for some time.
type Mux struct {
	// mu guards the fields below. Waiting and the calls of watchers go on
	// without it.
	mu        sync.Mutex
	conn      *socket.Conn // nil while closed; then no goroutine runs
	epfd      int          // the descriptor inside conn
	reserved  int
	idleSince time.Time // when reserved fell to 0
	deadline  bool      // conn has a read deadline, to look at idleSince
	watchers  watchers[Watcher]
}

// Reserve makes sure that a descriptor can be watched: after it, Watch fails
// only for want of kernel memory or beyond fs.epoll.max_user_watches. Release
// gives the reservation back.
func (m *Mux) Reserve() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn == nil {
		if err := m.open(); err != nil {
			return err
		}
	}
	m.reserved++
	return nil
}

// Release gives back a reservation that no Watch has used.
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
		m.conn.SetReadDeadline(m.idleSince.Add(linger))
	}
}

// Watch has w told when fd, a pidfd, is readable: the process has exited. It
// uses up a reservation, which Remove gives back, also after an error.
func (m *Mux) Watch(fd int, w Watcher) (ID, error) {
	m.mu.Lock()
	id, epfd := m.watchers.add(w), m.epfd
	m.mu.Unlock()

	return id, control(epfd, unix.EPOLL_CTL_ADD, fd, exited, id)
}

// AwaitHangup has the watcher of fd told when the process has been reaped, and
// no more when it has merely exited. Requires Linux 6.9, before which a pidfd
// has no hang-up.
func (m *Mux) AwaitHangup(fd int, id ID) error {
	return control(m.epfd, unix.EPOLL_CTL_MOD, fd, unix.EPOLLET, id)
}

// Suspend has the watcher of fd no longer told, until Resume. Closing fd is not
// enough for that: a copy of it, as in a child that has not yet reached its
// exec, would keep the event alive (epoll(7), questions and answers, 6).
func (m *Mux) Suspend(fd int) { control(m.epfd, unix.EPOLL_CTL_DEL, fd, 0, 0) }

// Resume ends Suspend.
func (m *Mux) Resume(fd int, id ID) error {
	return control(m.epfd, unix.EPOLL_CTL_ADD, fd, exited, id)
}

// Remove ends the watch of a descriptor that is suspended. A call of the
// watcher may be under way.
func (m *Mux) Remove(id ID) {
	m.mu.Lock()
	delete(m.watchers.byID, id)
	m.release()
	m.mu.Unlock()
}

func control(epfd, op, fd int, events uint32, id ID) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(id), Pad: int32(uint64(id) >> 32)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(epfd, op, fd, &ev))
}

// open starts the goroutine that waits. The caller holds mu.
func (m *Mux) open() error {
	if err := ReservePoller(); err != nil {
		return err
	}
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	conn, err := socket.New(epfd, "ward epoll")
	if err != nil {
		return err // the file that New made of epfd closes it
	}
	m.conn, m.epfd = conn, epfd
	m.deadline = false
	go m.run(conn)
	return nil
}

// run calls watchers until the Mux has been idle for the linger time.
func (m *Mux) run(conn *socket.Conn) {
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := wait(conn, events)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if m.closeIfIdle() {
				return
			}
		case err != nil:
			// Nothing but a descriptor closed by a stranger leads here.
			panic("ward: epoll: " + err.Error())
		}
		for i := range n {
			m.ready(ID(uint64(uint32(events[i].Fd)) | uint64(uint32(events[i].Pad))<<32))
		}
	}
}

// wait wraps epoll_wait(2) in the runtime's poller.
func wait(conn *socket.Conn, events []unix.EpollEvent) (n int, err error) {
	err = conn.ReadFunc(context.Background(), "epoll_wait", func(fd int) error {
		var err error
		n, err = unix.EpollWait(fd, events, 0)
		if n == 0 && err == nil {
			return syscall.EAGAIN // the poller waits, then asks again
		}
		return err
	})
	return max(n, 0), err
}

func (m *Mux) ready(id ID) {
	m.mu.Lock()
	w := m.watchers.byID[id]
	m.mu.Unlock()
	if w != nil {
		w.Ready()
	}
}

// closeIfIdle is called when the read deadline has passed. It gives everything
// back if no reservation was made for the linger time, or else sets the
// deadline to the next time to look, if there is one.
func (m *Mux) closeIfIdle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reserved > 0 {
		m.deadline = false
		m.conn.SetReadDeadline(time.Time{})
		return false
	}
	if end := m.idleSince.Add(linger); time.Now().Before(end) {
		m.conn.SetReadDeadline(end)
		return false
	}
	m.conn.Close()
	m.conn, m.watchers.byID = nil, nil
	return true
}
