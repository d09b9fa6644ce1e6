// Package secureexec knows the secure-execution mode of ld.so(8), which a program is
// in whose file gave it privileges: whoever runs it chooses the environment, and must
// not gain by it.
package secureexec

// IDs are the real and effective ids of a process.
type IDs struct{ UID, EUID, GID, EGID int }

// The state at the start. Some systems call a program tainted, too, that has changed
// its ids since, which is no reason to distrust the environment.
var (
	started = Own()
	on      = required()
)

// On reports whether the program was started in secure-execution mode.
func On() bool { return on }

// Enters reports whether this program's file, which path leads to, puts a child with
// these ids in secure-execution mode, if On does not.
func Enters(path string, child IDs) bool {
	return child.differ() || child != started && gains(path)
}

// differ reports whether the effective ids are other ones than the real ones.
func (i IDs) differ() bool { return i.UID != i.EUID || i.GID != i.EGID }
