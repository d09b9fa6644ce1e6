package mux

import "golang.org/x/sys/unix"

// The notes to ask for, and the one that comes back if the event's data is the
// wait status, which it always is: kqueue(2).
const (
	exitNotes  = unix.NOTE_EXIT
	statusNote = unix.NOTE_EXIT
)

// WatchDescriptor has w told when the process of fd, a process descriptor,
// exits, or at once if it has: EVFILT_PROCDESC. It uses up a reservation, which
// Remove gives back, also after an error.
func (m *Mux) WatchDescriptor(fd int, w Watcher) (*Watch, error) {
	return m.watch(fd, unix.EVFILT_PROCDESC, exitNotes, w)
}
