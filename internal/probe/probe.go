//go:build unix

// Package probe finds out what a system offers by trying it.
package probe

import (
	"errors"
	"sync/atomic"
	"syscall"

	"github.com/wardproc/ward/internal/lockorder"
)

// A Probe tries one thing until the answer is certain: it works, or the system
// refuses it. Want of descriptors, processes or memory is no answer.
type Probe struct {
	// Try returns an error that says what is missing. It runs on a goroutine of
	// its own, so that it never takes part in what the caller has done to the
	// thread it is locked to.
	Try func() error

	works atomic.Bool
	mu    lockorder.Mutex[lockorder.Probe] // guards known and err, and is held during Try
	known bool
	err   error
}

// Err returns nil if it works.
func (p *Probe) Err() error {
	if p.works.Load() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known {
		return p.err
	}
	result := make(chan error)
	go func() { result <- p.Try() }()
	err := <-result
	if err == nil {
		p.works.Store(true)
	}
	p.known, p.err = Refused(err), err
	return err
}

// Refused reports whether err is a system's answer that will not change.
func Refused(err error) bool {
	for _, answer := range []error{
		syscall.ENOSYS, syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOTTY, errors.ErrUnsupported,
	} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}
