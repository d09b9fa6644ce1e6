package mux

import "golang.org/x/sys/unix"

// The notes to ask for, and the one that comes back if the event's data is the
// wait status: <sys/event.h>. NOTE_EXITSTATUS is for own children only.
const (
	exitNotes  = unix.NOTE_EXIT | unix.NOTE_EXITSTATUS
	statusNote = unix.NOTE_EXITSTATUS
)
