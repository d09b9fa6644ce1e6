//go:build (linux || freebsd) && (amd64 || arm64)

package spawn

import (
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/lockorder"
)

// forks holds syscall.ForkLock for writing, on behalf of all starts that are making a
// child which inherits: several at a time, as in package syscall. Who opens a
// descriptor and sets its flag in two steps holds that lock for reading.
var forks forkLock

type forkLock struct {
	mu      lockorder.Mutex[lockorder.Forks] // guards the fields below
	holders int
	taken   time.Time     // when the first of them took the lock
	waiters int           // who get the lock when take has it
	granted chan struct{} // closed then; nil if nobody waits
}

const (
	// maxShared is how long starts may join each other before readers have their turn,
	// which costs a start as much as a switch of threads.
	maxShared = 10 * time.Millisecond

	// forkPatience is how long a start waits for the lock. Package syscall holds it
	// over an exec, which may hang; meanwhile nobody opens in two steps.
	forkPatience = 100 * time.Millisecond
)

// enter takes the lock, or reports that it is not to be had in time.
func (f *forkLock) enter() bool {
	granted := f.tryEnter()
	if granted == nil {
		return true
	}
	select {
	case <-granted:
		return true
	case <-time.After(forkPatience):
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-granted: // after all
		return true
	default:
		f.waiters--
		return false
	}
}

// tryEnter takes the lock, or returns what tells that the caller has it.
func (f *forkLock) tryEnter() (granted <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.holders > 0 && time.Since(f.taken) < maxShared:
	case f.holders == 0 && syscall.ForkLock.TryLock():
		f.taken = time.Now()
	default:
		f.waiters++
		if f.granted == nil {
			f.granted = make(chan struct{})
			go f.take()
		}
		return f.granted
	}
	f.holders++
	return nil
}

// take waits for the lock, on behalf of all who wait.
func (f *forkLock) take() {
	syscall.ForkLock.Lock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holders, f.waiters = f.waiters, 0
	f.taken = time.Now()
	close(f.granted)
	f.granted = nil
	if f.holders == 0 {
		syscall.ForkLock.Unlock()
	}
}

// leave gives the lock back. The caller holds mu.
func (f *forkLock) leave() {
	f.holders--
	if f.holders == 0 {
		syscall.ForkLock.Unlock()
	}
}
