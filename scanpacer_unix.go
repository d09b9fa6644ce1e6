//go:build unix

package ward

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	scanInterval    = time.Second     // the time without a scan, if a signal is missed now and then
	longestInterval = 5 * time.Second // the time without one, if signals are seen to come
	cooldownFactor  = 20
	longestCooldown = 5 * time.Second
)

// A scanPacer says when to look at all children: soon after a SIGCHLD, and
// without one after a time that grows from scanInterval to longestInterval while such
// scans find nothing. After each scan there is a cooldown in proportion to what it took.
// Most signals are for a child that has been heard of already, and the cooldown
// keeps thousands of exits from having thousands looked at each.
//
// A wait is one timer: each wakes some threads of an idle program, and not only one.
type scanPacer struct {
	hint     chan os.Signal
	timed    bool          // no hint has led to this scan
	interval time.Duration // 0 for scanInterval
	due      time.Time     // for the next scan at the latest, if it is not zero
	rested   time.Time     // when the cooldown is over
}

// listen begins to hear SIGCHLD, until stop is called.
func (s *scanPacer) listen() (stop func()) {
	s.hint = make(chan os.Signal, 1)
	s.hear()
	return func() { signal.Stop(s.hint) }
}

// hear has SIGCHLD reported, again if the program has called signal.Reset. A program
// that ignores it has its children reaped by the kernel, and Notify would end that for
// all of them.
func (s *scanPacer) hear() (heard bool) {
	if signal.Ignored(syscall.SIGCHLD) {
		return false
	}
	signal.Notify(s.hint, syscall.SIGCHLD)
	return true
}

// awaitNext waits until it is time for a scan, or reports false when stop has
// something to say.
func (s *scanPacer) awaitNext(stop <-chan struct{}) bool {
	late := time.NewTimer(s.longestWait())
	defer late.Stop()
	select {
	case <-late.C:
		s.timed = true
		return true
	case <-stop:
		return false
	case <-s.hint:
		s.timed = false
	}
	return s.awaitRest(stop)
}

// longestWait is how long there is no scan without a hint.
func (s *scanPacer) longestWait() time.Duration {
	wait := max(s.interval, scanInterval)
	if !s.due.IsZero() {
		wait = min(wait, time.Until(s.due))
	}
	return max(wait, time.Until(s.rested))
}

// awaitRest waits for the end of the cooldown. One scan does for all hints until then.
func (s *scanPacer) awaitRest(stop <-chan struct{}) bool {
	if rest := time.Until(s.rested); rest > 0 {
		over := time.NewTimer(rest)
		defer over.Stop()
		select {
		case <-over.C:
		case <-stop:
			return false
		}
	}
	select {
	case <-s.hint:
	default:
	}
	return true
}

// run calls scan, which reports whether it has found anything, and begins the cooldown.
func (s *scanPacer) run(scan func() (found bool)) {
	heard := !s.timed || s.hear()
	s.due = time.Time{}
	begin := time.Now()
	found := scan()
	switch {
	case found && s.timed || !heard: // signals do not come
		s.interval = scanInterval
	case s.timed:
		s.interval = min(2*max(s.interval, scanInterval), longestInterval)
	}
	s.rested = time.Now().Add(min(cooldownFactor*time.Since(begin), longestCooldown))
}
