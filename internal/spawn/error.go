//go:build unix

package spawn

import "syscall"

// An Error tells which system call of the start failed. Call is the child's
// own where the child had been made.
type Error struct {
	Call  string
	Errno syscall.Errno
}

func (e *Error) Error() string { return e.Call + ": " + e.Errno.Error() }

func (e *Error) Unwrap() error { return e.Errno }
