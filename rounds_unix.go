//go:build unix

package ward

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	roundInterval = time.Second // the longest time without a round, but for the rest
	restFactor    = 20
	longestRest   = 5 * time.Second
)

// rounds says when to look at all children: soon after a SIGCHLD and every
// roundInterval, with a rest after each round in proportion to what it took.
// Most signals are for a child that has been heard of already, and the rest keeps
// thousands of exits from having thousands looked at each.
type rounds struct {
	hint chan os.Signal
	rest <-chan time.Time // nil if it is over
}

// listen begins to hear SIGCHLD, until stop is called. A program that ignores it
// has its children reaped by the kernel, and Notify would end that for all of
// them.
func (r *rounds) listen() (stop func()) {
	r.hint = make(chan os.Signal, 1)
	if signal.Ignored(syscall.SIGCHLD) {
		return func() {}
	}
	signal.Notify(r.hint, syscall.SIGCHLD)
	return func() { signal.Stop(r.hint) }
}

// due waits until it is time for a round, or reports false when stop has
// something to say.
func (r *rounds) due(stop <-chan struct{}) bool {
	if r.rest != nil {
		select {
		case <-r.rest:
			r.rest = nil
		case <-stop:
			return false
		}
	}
	late := time.NewTimer(roundInterval)
	defer late.Stop()
	select {
	case <-r.hint:
	case <-late.C:
	case <-stop:
		return false
	}
	return true
}

// round looks, and begins the rest.
func (r *rounds) round(look func()) {
	begin := time.Now()
	look()
	r.rest = time.After(min(restFactor*time.Since(begin), longestRest))
}
