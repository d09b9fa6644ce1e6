//go:build !amd64 && !arm64

package spawn

import (
	"errors"
	"syscall"

	pidfds "github.com/wardproc/ward/internal/pidfd"
)

// A Parent is what there is none of.
type Parent struct{}

// Child returns errors.ErrUnsupported.
func Child(string, []string, *syscall.ProcAttr, How) (pid, pidfd int, err error) {
	return 0, 0, errors.ErrUnsupported
}

// HasParents returns errors.ErrUnsupported.
func HasParents() error { return errors.ErrUnsupported }

// IsParent reports false.
func IsParent(int) bool { return false }

// PrivateChild returns errors.ErrUnsupported.
func PrivateChild(string, []string, *syscall.ProcAttr, How) (
	pid, pidfd int, parent *Parent, err error,
) {
	return 0, 0, nil, errors.ErrUnsupported
}

// Descriptor returns none.
func (*Parent) Descriptor() pidfds.Descriptor { return pidfds.Descriptor{FD: -1} }

// Reopen returns errors.ErrUnsupported.
func (*Parent) Reopen() error { return errors.ErrUnsupported }

// Close does nothing.
func (*Parent) Close() {}

// Reap reports false.
func (*Parent) Reap() bool { return false }

// End does nothing.
func (*Parent) End() {}

// Status reports false.
func (*Parent) Status() (status syscall.WaitStatus, usage syscall.Rusage, told bool) {
	return 0, usage, false
}

// Autoreaps returns errors.ErrUnsupported.
func Autoreaps() error { return errors.ErrUnsupported }

// AutoreapedChild returns errors.ErrUnsupported.
func AutoreapedChild(string, []string, *syscall.ProcAttr, How) (pid, pidfd int, err error) {
	return 0, 0, errors.ErrUnsupported
}
