//go:build unix && !linux

package ward

import (
	"syscall"

	"github.com/wardproc/ward/internal/textbusy"
)

// Linux does these better.

// arrange calls makeChild until it succeeds or fails for good. release is to be
// called when the child is gone, or was not made.
func arrange(_ *syscall.SysProcAttr, makeChild func() error) (release func(), err error) {
	return func() {}, textbusy.Retry(makeChild)
}

// aside returns the program's path: other systems have none by a descriptor that a
// child could execute.
func aside(name string, _ int, _ []uintptr) (path string, release func()) {
	return name, func() {}
}

// seenRunning reports whether the child has been seen not to have exited.
func seenRunning(int) bool { return false }

// zombieChildren returns the children that have exited, if the system tells.
func zombieChildren() []int { return nil }

func waitForeign(pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage) (int, error) {
	return waitDirectly(pid, status, options, usage)
}
