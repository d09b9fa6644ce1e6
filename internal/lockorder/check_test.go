//go:build lockorder

package lockorder

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// breaks fails unless f panics with the names of both ranks.
func breaks(t *testing.T, f func(), held, next string) {
	t.Helper()
	defer func() {
		t.Helper()
		want := []string{"takes lockorder." + next, "holds lockorder." + held}
		text := fmt.Sprint(recover())
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("the panic is %q, want %q in it", text, words)
			}
		}
	}()
	f()
}

// holdsNothing fails if something is left in the list of a goroutine.
func holdsNothing(t *testing.T) {
	t.Helper()
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.held) > 0 {
		t.Errorf("the lists have %v", all.held)
	}
}

func TestBreachPanics(t *testing.T) {
	var first Mutex[Process]
	var second RWMutex[Numbers]
	var third Mutex[Mux]
	third.Lock()
	breaks(t, second.Lock, "Mux", "Numbers")
	breaks(t, second.RLock, "Mux", "Numbers")
	breaks(t, second.RLocker().Lock, "Mux", "Numbers")
	breaks(t, first.Lock, "Mux", "Process")
	third.Unlock()
	second.Lock()
	breaks(t, first.Lock, "Numbers", "Process")
	second.Unlock()
	holdsNothing(t)
}

func TestBreachLeavesTheLockFree(t *testing.T) {
	var first Mutex[Process]
	var second Mutex[Set]
	second.Lock()
	breaks(t, first.Lock, "Set", "Process")
	if !first.TryLock() {
		t.Fatal("the breach has taken the lock")
	}
	first.Unlock()
	second.Unlock()
	first.Lock()
	first.Unlock()
	holdsNothing(t)
}

func TestTwoOfOneRankPanic(t *testing.T) {
	var one, other Mutex[Process]
	one.Lock()
	breaks(t, other.Lock, "Process", "Process")
	breaks(t, one.Lock, "Process", "Process") // which would never return
	one.Unlock()
	holdsNothing(t)
}

func TestReadLockCountsLikeALock(t *testing.T) {
	var first Mutex[Process]
	var numbers RWMutex[Numbers]
	numbers.RLock()
	breaks(t, first.Lock, "Numbers", "Process")
	breaks(t, numbers.RLock, "Numbers", "Numbers")
	breaks(t, numbers.Lock, "Numbers", "Numbers")
	numbers.RUnlock()
	holdsNothing(t)
}

func TestTryIsNotCheckedButCounts(t *testing.T) {
	var first, other Mutex[Process]
	var numbers RWMutex[Numbers]
	var third Mutex[Mux]
	third.Lock()
	if !first.TryLock() || !numbers.TryRLock() {
		t.Fatal("a try has not taken the lock")
	}
	third.Unlock()
	breaks(t, other.Lock, "Process", "Process")
	breaks(t, numbers.RLock, "Numbers", "Numbers")
	third.Lock()
	third.Unlock()
	numbers.RUnlock()
	first.Unlock()
	holdsNothing(t)
}

func TestTryThatFailsDoesNotCount(t *testing.T) {
	var m Mutex[Set]
	var rw RWMutex[Numbers]
	var first Mutex[Process]
	m.Lock()
	rw.Lock()
	elsewhere(func() {
		if m.TryLock() || rw.TryLock() || rw.TryRLock() {
			t.Error("a try has taken a lock that is held")
		}
		first.Lock()
		first.Unlock()
	})
	rw.Unlock()
	m.Unlock()
	holdsNothing(t)
}

func TestUnlockElsewhereFreesTheHolder(t *testing.T) {
	var first Mutex[Process]
	var second Mutex[Set]
	var rw RWMutex[Numbers]
	for _, lock := range []sync.Locker{&second, &rw, rw.RLocker()} {
		lock.Lock()
		elsewhere(func() {
			first.Lock() // the list is the holder's, and not this goroutine's
			lock.Unlock()
			first.Unlock()
		})
		first.Lock()
		first.Unlock()
	}
	holdsNothing(t)
}

func TestReaderUnlocksForItself(t *testing.T) {
	var first Mutex[Process]
	var rw RWMutex[Numbers]
	rw.RLock()
	elsewhere(func() {
		rw.RLock()
		rw.RUnlock()
		first.Lock()
		first.Unlock()
	})
	breaks(t, first.Lock, "Numbers", "Process")
	rw.RUnlock()
	holdsNothing(t)
}

func TestOtherGoroutinesLocksDoNotCount(t *testing.T) {
	var first Mutex[Process]
	var second Mutex[Set]
	second.Lock()
	elsewhere(func() {
		first.Lock()
		first.Unlock()
	})
	second.Unlock()
	holdsNothing(t)
}

// The tests are the only user of the locks here, and each number is another.
func TestGoroutinesHaveNumbers(t *testing.T) {
	var other goroutine
	elsewhere(func() { other = self() })
	if own := self(); own == 0 || own == other || own != self() {
		t.Errorf("the numbers are %d and %d", own, other)
	}
}
