//go:build !amd64 && !arm64

package spawn

import (
	"errors"
	"syscall"

	pidfds "github.com/wardproc/ward/internal/pidfd"
)

// ErrGone is never returned.
var ErrGone = errors.New("no keeper")

// A Keeper is what there is none of.
type Keeper struct{}

// StartKeeper returns errors.ErrUnsupported.
func StartKeeper() (*Keeper, error) { return nil, errors.ErrUnsupported }

// Keeps returns errors.ErrUnsupported.
func Keeps() error { return errors.ErrUnsupported }

// Child returns errors.ErrUnsupported.
func (*Keeper) Child(string, []string, *syscall.ProcAttr, How) (pid, pidfd int, err error) {
	return 0, 0, errors.ErrUnsupported
}

// Ready returns errors.ErrUnsupported.
func (*Keeper) Ready() error { return errors.ErrUnsupported }

// Answers reports false.
func (*Keeper) Answers() bool { return false }

// PID returns 0.
func (*Keeper) PID() int { return 0 }

// Fits reports false.
func (*Keeper) Fits() (bool, error) { return false, errors.ErrUnsupported }

// Wait returns errors.ErrUnsupported.
func (*Keeper) Wait(int, int, *pidfds.Siginfo, int, *syscall.Rusage) error {
	return errors.ErrUnsupported
}

// Gone reports true.
func (*Keeper) Gone() bool { return true }

// End does nothing.
func (*Keeper) End() {}

// Autoreaps returns errors.ErrUnsupported.
func Autoreaps() error { return errors.ErrUnsupported }

// AutoreapedChild returns errors.ErrUnsupported.
func AutoreapedChild(string, []string, *syscall.ProcAttr, How) (pid, pidfd int, err error) {
	return 0, 0, errors.ErrUnsupported
}
