//go:build (linux || freebsd) && (amd64 || arm64)

package spawn

import (
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestReadersOfForkLockHaveTheirTurn has starts that always overlap.
func TestReadersOfForkLockHaveTheirTurn(t *testing.T) {
	var f forkLock
	stop := make(chan struct{})
	var starts sync.WaitGroup
	for range 8 {
		starts.Go(func() {
			for !closedBy(stop) {
				if f.enter() {
					time.Sleep(rand.N(2 * time.Millisecond))
					f.mu.Lock()
					f.leave()
					f.mu.Unlock()
				}
			}
		})
	}
	turns := make(chan struct{})
	go func() {
		for range 3 {
			syscall.ForkLock.RLock()
			//lint:ignore SA2001 it is enough to get it
			syscall.ForkLock.RUnlock()
			turns <- struct{}{}
		}
	}()
	for range 3 {
		select {
		case <-turns:
		case <-time.After(10 * time.Second):
			close(stop)
			t.Fatal("a reader waits for ever")
		}
	}
	close(stop)
	starts.Wait()
}

func closedBy(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestForkLockGoesToWhoStillWaits has one start give up while others hold the lock.
func TestForkLockGoesToWhoStillWaits(t *testing.T) {
	var f forkLock
	syscall.ForkLock.Lock()
	if f.enter() {
		t.Fatal("two have the lock")
	}
	late := make(chan bool)
	go func() { late <- f.enter() }()
	time.Sleep(forkPatience / 4)
	syscall.ForkLock.Unlock()
	if !<-late {
		t.Fatal("nobody has the lock")
	}
	if syscall.ForkLock.TryRLock() {
		t.Error("a reader comes beside the holder")
	}
	f.mu.Lock()
	f.leave()
	f.mu.Unlock()
	syscall.ForkLock.Lock() // and nobody else has it
	//lint:ignore SA2001 it is enough to get it
	syscall.ForkLock.Unlock()
}
