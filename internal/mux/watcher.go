// Package mux hears of the exits of any number of processes. [Mux] needs one
// goroutine for all of them: on Linux it waits in the Go runtime's own poller,
// without a thread; on FreeBSD and Darwin with a thread in kevent(2). On Windows
// [Port] needs one thread for all, and [Groups] one for every 63.
package mux

import "time"

// A Watcher hears of the exit of the process it watches.
type Watcher interface {
	// ExitHeard is called when the exit of the watched process was heard: once,
	// or on Linux again when the process has been reaped. status is the wait
	// status, if it is known. ExitHeard must not block.
	ExitHeard(status uint32, known bool)

	// DescriptorLost is called when other code was found to have closed what is
	// watched, which nothing will be heard of. It is called on a goroutine of its own,
	// perhaps when the watch has ended, and more than once.
	DescriptorLost()
}

// Linger is how long what is idle goes on and keeps its descriptors, so that a run
// of short children does not build and tear it down each time.
const Linger = 50 * time.Millisecond
