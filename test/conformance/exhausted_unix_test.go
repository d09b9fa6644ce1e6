//go:build unix

package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() { selftest.Register("exhaust", func([]string) { exhaust() }) }

func TestStartWithoutDescriptorsFailsAndLeavesNothing(t *testing.T) {
	childtest.Report(t, nil, "exhaust")
}

// exhaust leaves 0, 1, 2 ... descriptors free and starts a child, until there
// are enough: so each one that a start needs is missing once.
func exhaust() {
	var taken []int
	for {
		fd, err := syscall.Dup(2)
		if err != nil {
			break
		}
		syscall.CloseOnExec(fd)
		taken = append(taken, fd)
	}
	poller := 3 // at most: the Go runtime's own, which it opens once and keeps
	for {
		free := unused()
		path, argv, env := selftest.Command("exit", "0")
		h, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env})
		if err == nil {
			if state, err := h.Wait(context.Background()); err != nil || !state.Success() {
				childtest.Complain("with %d free: Wait() = %v, %v", free, state, err)
			}
			fmt.Printf("a start needs %d descriptors\n", free)
			break
		}
		var typed *ward.Error
		var failed *fs.PathError
		if !errors.Is(err, syscall.EMFILE) || !errors.As(err, &typed) && !errors.As(err, &failed) {
			childtest.Complain("with %d free: %T %v", free, err, err)
		}
		if typed != nil && typed.Path != path || failed != nil && failed.Path != path {
			childtest.Complain("with %d free: %v does not name %s", free, err, path)
		}
		left := unused()
		for begin := time.Now(); left != free && time.Since(begin) < time.Second; left = unused() {
			spin(10 * time.Millisecond) // the package may linger
		}
		switch {
		case left == free:
		case free-left <= poller:
			poller = 0
		default:
			childtest.Complain("with %d free: %d after the start failed with %v", free, left, err)
		}
		if _, err := syscall.Wait4(-1, nil, 0, nil); err != syscall.ECHILD {
			childtest.Complain("with %d free: a child is left: %v", free, err)
		}
		syscall.Close(taken[len(taken)-1])
		taken = taken[:len(taken)-1]
	}
}

// spin waits without a timer: for its first one the runtime opens its poller,
// and aborts if it cannot.
func spin(d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d; {
		runtime.Gosched()
	}
}

// unused returns how many descriptors are left.
func unused() int {
	var fds []int
	for {
		fd, err := syscall.Dup(2)
		if err != nil {
			break
		}
		fds = append(fds, fd)
	}
	for _, fd := range fds {
		syscall.Close(fd)
	}
	return len(fds)
}
