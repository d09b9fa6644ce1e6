//go:build unix

package ward

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	scanInterval    = time.Second // the longest time without a scan, but for the cooldown
	cooldownFactor  = 20
	longestCooldown = 5 * time.Second
)

// A scanPacer says when to look at all children: soon after a SIGCHLD and every
// scanInterval, with a cooldown after each scan in proportion to what it took.
// Most signals are for a child that has been heard of already, and the cooldown
// keeps thousands of exits from having thousands looked at each.
type scanPacer struct {
	hint     chan os.Signal
	cooldown <-chan time.Time // nil if it is over
}

// listen begins to hear SIGCHLD, until stop is called. A program that ignores it
// has its children reaped by the kernel, and Notify would end that for all of
// them.
func (s *scanPacer) listen() (stop func()) {
	s.hint = make(chan os.Signal, 1)
	if signal.Ignored(syscall.SIGCHLD) {
		return func() {}
	}
	signal.Notify(s.hint, syscall.SIGCHLD)
	return func() { signal.Stop(s.hint) }
}

// awaitNext waits until it is time for a scan, or reports false when stop has
// something to say.
func (s *scanPacer) awaitNext(stop <-chan struct{}) bool {
	if s.cooldown != nil {
		select {
		case <-s.cooldown:
			s.cooldown = nil
		case <-stop:
			return false
		}
	}
	late := time.NewTimer(scanInterval)
	defer late.Stop()
	select {
	case <-s.hint:
	case <-late.C:
	case <-stop:
		return false
	}
	return true
}

// run calls scan, and begins the cooldown.
func (s *scanPacer) run(scan func()) {
	begin := time.Now()
	scan()
	s.cooldown = time.After(min(cooldownFactor*time.Since(begin), longestCooldown))
}
