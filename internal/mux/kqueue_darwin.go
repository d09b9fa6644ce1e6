package mux

import "golang.org/x/sys/unix"

// The notes to ask for, and the one that comes back if the event's data is the
// wait status: <sys/event.h>. NOTE_EXITSTATUS is for own children only.
const (
	exitNotes  = unix.NOTE_EXIT | unix.NOTE_EXITSTATUS
	statusNote = unix.NOTE_EXITSTATUS
)

// number: a process is watched by its own number, which is no descriptor.
func (p place) number() (fd int, ok bool) { return 0, false }
