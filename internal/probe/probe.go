//go:build unix || windows

// Package probe finds out what a system offers by trying it.
package probe

import (
	"errors"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/lockorder"
)

// A Probe tries one thing. That it works is final, and so is the answer of a system
// that does not know it: see Final. Want of descriptors, processes or memory is no
// answer: the next call tries again. Any other answer holds for a time, as a
// permission may come, and what has killed a trial may be gone.
type Probe struct {
	// Try returns an error that says what is missing. It runs on a goroutine of
	// its own, so that it never takes part in what the caller has done to the
	// thread it is locked to.
	Try func() error

	// Pause is how long an answer holds that is not final; 0 stands for 5 s. A trial
	// takes less time than a start does, but a filter that does not change its mind
	// may log each, and kill a process for it. So trials are to be rare; and whoever
	// has lifted a refusal is not to wait for long.
	Pause time.Duration

	works atomic.Bool
	mu    lockorder.Mutex[lockorder.Probe] // guards the fields below, and is held during Try
	err   error                            // the last answer
	final bool
	until time.Time // how long it holds
}

// Err returns nil if it works.
func (p *Probe) Err() error {
	if p.works.Load() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.final && !time.Now().Before(p.until) {
		p.ask()
	}
	return p.err
}

// Forget has the next call of Err ask again: what worked was refused since.
func (p *Probe) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.works.Store(false)
	p.final, p.until = false, time.Time{}
}

// ask tries it. The caller holds mu.
func (p *Probe) ask() {
	result := make(chan error)
	go func() { result <- p.Try() }()
	p.err = <-result
	switch {
	case p.err == nil:
		p.final = true
		p.works.Store(true)
	case Final(p.err):
		p.final = true
	case !isAny(p.err, wants):
		p.until = time.Now().Add(p.pause())
	}
}

func (p *Probe) pause() time.Duration {
	if p.Pause > 0 {
		return p.Pause
	}
	return 5 * time.Second
}

// The answers of a system: that it does not know what was tried, that it does not
// allow it, that it is short of something.
var (
	unknown = []error{syscall.ENOSYS, syscall.EINVAL, syscall.ENOTTY, errors.ErrUnsupported}
	forbids = []error{syscall.EPERM, syscall.EACCES}
	wants   = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN, syscall.EINTR}
)

// Refused reports whether err is a system's answer, that it has not what was tried.
func Refused(err error) bool { return isAny(err, unknown) || isAny(err, forbids) }

// Final reports whether err is an answer that will not change.
func Final(err error) bool {
	var p passing
	return isAny(err, unknown) && !errors.As(err, &p)
}

func isAny(err error, answers []error) bool {
	for _, answer := range answers {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// Passing returns err, not to be taken as final whatever it is.
func Passing(err error) error { return passing{err} }

type passing struct{ error }

func (p passing) Unwrap() error { return p.error }
