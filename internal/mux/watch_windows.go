// Package mux hears of the exits of any number of processes: by [Port] with
// one thread for all, or by [Groups] with one for every 63.
package mux

import "time"

// linger is how long an idle goroutine of Port and Groups goes on, so that a
// run of short children does not start one for each.
const linger = 50 * time.Millisecond

// A Watcher is told when its process has exited. Ready must not block.
type Watcher interface{ Ready() }
