//go:build unix

// Package mux hears of the exits of any number of processes with one goroutine:
// on Linux through the Go runtime's own poller, without a thread; on FreeBSD and
// Darwin with a thread in kevent(2).
package mux

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// linger is how long an idle Mux keeps its goroutine and descriptor, so that a
// run of short children does not build and tear it down each time.
const linger = 50 * time.Millisecond

var poller struct {
	mu    sync.Mutex // guards ready
	ready bool       // the runtime has set its poller up, or had room to
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
