//go:build (linux || freebsd) && (amd64 || arm64)

package spawn

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// raised is the RLIMIT_NOFILE that this program was started with, if the Go
// runtime raised it: then a child gets the old one, as package syscall sees to
// by itself. The zero value is none.
var raised unix.Rlimit

// originalLimit sets limit to what the child is to have as RLIMIT_NOFILE, and
// reports whether that differs from the program's own. A limit that is not
// the one that the runtime set is the program's choice, and is inherited: this
// is package syscall's own test for it.
func originalLimit(limit *unix.Rlimit) bool {
	if raised.Max == 0 {
		return false
	}
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err == nil && (now.Cur != raised.Max-1 || now.Max != raised.Max) {
		return false
	}
	*limit = raised
	return true
}

// learnLimit finds out the original limit, which package syscall keeps to
// itself: it starts a child in the standard way that does nothing, and looks at
// it.
func learnLimit() error {
	var now unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	if now.Cur != now.Max-1 {
		return nil // what the runtime sets, it sets to just that
	}
	child, err := childLimit()
	if err != nil {
		return fmt.Errorf("finding out the original RLIMIT_NOFILE: %w", err)
	}
	if child != now {
		raised = child
	}
	return nil
}
