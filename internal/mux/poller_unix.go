//go:build unix

package mux

import (
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/lockorder"
)

var poller struct {
	mu    lockorder.Mutex[lockorder.Poller] // guards ready
	ready bool                              // the runtime has set its poller up, or had room to
}

// ReservePoller fails while there are too few descriptors for the Go runtime
// to set up its poller. At its first use the runtime would abort the program.
func ReservePoller() error {
	poller.mu.Lock()
	defer poller.mu.Unlock()
	if poller.ready {
		return nil
	}
	// Two for the runtime (epoll and eventfd on Linux), one or two for the
	// caller's own descriptor.
	syscall.ForkLock.RLock() // these have no close-on-exec flag
	defer syscall.ForkLock.RUnlock()
	for range 2 {
		var p [2]int
		if err := syscall.Pipe(p[:]); err != nil {
			return os.NewSyscallError("pipe", err)
		}
		defer syscall.Close(p[0])
		defer syscall.Close(p[1])
	}
	poller.ready = true
	return nil
}

// forsaken are the files that were given up.
var forsaken sync.Map

// Forsake gives up a file in the runtime's poller whose descriptor other code has
// closed, and ends a read of it. It stays, for to close it, as the garbage collector
// would, is to close a number that may be a stranger's.
func Forsake(f interface{ SetReadDeadline(time.Time) error }) {
	forsaken.Store(f, nil)
	f.SetReadDeadline(time.Unix(1, 0))
}
