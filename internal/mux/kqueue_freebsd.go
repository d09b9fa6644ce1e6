package mux

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// The notes to ask for, and the one that comes back if the event's data is the
// wait status, which it always is: kqueue(2).
const (
	exitNotes  = unix.NOTE_EXIT
	statusNote = unix.NOTE_EXIT
)

// WatchDescriptor has w told when the process of fd, a process descriptor,
// exits, or at once if it has: EVFILT_PROCDESC. It uses up a reservation, which
// Remove gives back, also after an error.
func (m *Mux) WatchDescriptor(fd int, w Watcher) (ID, error) {
	return m.watch(newPlace(fd, unix.EVFILT_PROCDESC, unix.EV_ONESHOT, exitNotes), w)
}

// WatchSignal has w told, without a status, whenever the program is sent sig, be
// it ignored or not: EVFILT_SIGNAL. There may be one watch of a signal. It uses
// up a reservation, which RemoveSignal gives back, also after an error.
func (m *Mux) WatchSignal(sig syscall.Signal, w Watcher) (ID, error) {
	return m.watch(newPlace(int(sig), unix.EVFILT_SIGNAL, unix.EV_CLEAR, 0), w)
}

// RemoveSignal ends a watch of sig. A call of the watcher may be under way.
func (m *Mux) RemoveSignal(sig syscall.Signal, id ID) {
	m.mu.Lock()
	m.queue.control(newEvent(int(sig), unix.EVFILT_SIGNAL, unix.EV_DELETE, 0))
	m.mu.Unlock()
	m.Remove(id)
}

// number is that of a descriptor that no other live watch can have.
func (p place) number() (fd int, ok bool) {
	k := p.change.kevent()
	return int(k.Ident), k.Filter == unix.EVFILT_PROCDESC
}
