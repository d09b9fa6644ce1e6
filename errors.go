package ward

import (
	"errors"
	"os"
	"strconv"
)

var (
	// ErrRunning is returned by [Handle.TryWait] while the process runs.
	ErrRunning = errors.New("process is still running")

	// ErrStatusLost is returned by the waiting methods of [Handle] when other
	// code in the program reaped the child and the system offers no way to
	// read the status back. The process is gone; how it ended is not known.
	ErrStatusLost = errors.New("exit status lost: the child was reaped by other code in this program")

	// ErrDescriptorLost is returned by all methods of [Handle] but PID, Done and
	// Close when other code in the program has closed the descriptor that the
	// package has for the child, and the child cannot be told from others without
	// it. The child may run or be gone; how it ends is no longer known through this
	// handle, and nothing reaches it through this handle. Once the loss is noticed,
	// Done is closed and a [Set] returns the handle. See Descriptors in the package's
	// documentation.
	ErrDescriptorLost = errors.New("descriptor lost: other code in this program closed it")

	// ErrClosed is returned by the methods of a [Handle] after Close.
	ErrClosed = errors.New("handle is closed")

	// ErrNoMain is returned by [Function.Start] before the program has called
	// [Main]: the child would not run the function but the program's main.
	ErrNoMain = errors.New("ward.Main has not been called: call it first in func main, or in TestMain")

	// ErrEmpty is returned by [Set.Next] when the set has no member left.
	ErrEmpty = errors.New("set is empty")
)

var errNilHandle = errors.New("nil Handle: did an error of Start go unnoticed?")

// Error records a failed operation on a process.
type Error struct {
	// Op is "start", "wait", "signal", "kill tree", "handle", "close", "stop", "reap"
	// or "subreaper".
	Op   string
	Path string // the program that was not started, or ""
	PID  int    // process id, or 0 where there is none yet
	Err  error
}

// Error returns "ward: op path: cause" or "ward: op pid: cause".
func (e *Error) Error() string {
	s := "ward: " + e.Op
	if e.Path != "" {
		s += " " + e.Path
	}
	if e.PID != 0 {
		s += " " + strconv.Itoa(e.PID)
	}
	return s + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// processDone is os.ErrProcessDone for callers that look for ESRCH, too.
type processDone struct{}

func (processDone) Error() string { return os.ErrProcessDone.Error() }

func (processDone) Is(target error) bool {
	return target == os.ErrProcessDone || isNoSuchProcess(target)
}

// unsupported names the missing thing in an error that is errors.ErrUnsupported.
type unsupported string

func (u unsupported) Error() string { return string(u) + " is not supported here" }

func (u unsupported) Unwrap() error { return errors.ErrUnsupported }
