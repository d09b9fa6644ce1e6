//lint:file-ignore SA2001 these tests take locks for their own sake

package lockorder

import (
	"reflect"
	"sync"
	"testing"
)

// ranks are all ranks, first to last.
var ranks = []rank{
	OnThread{}, Process{}, Set{}, Parents{}, ParentThread{}, TreeRole{},
	Numbers{}, Taken{}, ReapTable{}, Sweeps{}, Held{}, Mux{}, Poller{}, Probe{},
	Forks{}, Starts{}, Reports{}, Copying{},
}

func TestEachRankHasItsOwnPlace(t *testing.T) {
	for i, r := range ranks {
		if r.place() != i+1 {
			t.Errorf("the place of %T is %d, want %d", r, r.place(), i+1)
		}
	}
}

func TestLocksHaveTheMethodsOfPackageSync(t *testing.T) {
	sameMethods[*sync.Mutex, *Mutex[Process]](t)
	sameMethods[*sync.RWMutex, *RWMutex[Numbers]](t)
}

func sameMethods[Want, Got any](t *testing.T) {
	t.Helper()
	want, got := reflect.TypeFor[Want](), reflect.TypeFor[Got]()
	if got.NumMethod() != want.NumMethod() {
		t.Errorf("%v has %d methods, and %v %d", got, got.NumMethod(), want, want.NumMethod())
	}
	for i := range want.NumMethod() {
		name := want.Method(i).Name
		if _, ok := got.MethodByName(name); !ok {
			t.Errorf("%v has no %s", got, name)
		}
	}
}

// The pointer is a sync.Locker and the value is none: by this the check copylocks of
// go vet knows a lock.
func TestVetKnowsTheLocks(t *testing.T) {
	seenAsLock[Mutex[Process]](t)
	seenAsLock[RWMutex[Numbers]](t)
}

func seenAsLock[T any](t *testing.T) {
	t.Helper()
	locker := reflect.TypeFor[sync.Locker]()
	if value := reflect.TypeFor[T](); value.Implements(locker) {
		t.Errorf("%v is a Locker", value)
	}
	if pointer := reflect.TypeFor[*T](); !pointer.Implements(locker) {
		t.Errorf("%v is no Locker", pointer)
	}
}

func TestOrderKeptIsSilent(t *testing.T) {
	var first Mutex[Process]
	var second RWMutex[Numbers]
	var third Mutex[Mux]
	for range 2 {
		first.Lock()
		second.RLock()
		third.Lock()
		second.RUnlock()
		third.Unlock()
		second.Lock()
		second.Unlock()
		first.Unlock()
	}
}

func TestLocksExclude(t *testing.T) {
	var m Mutex[Process]
	var rw RWMutex[Numbers]
	counts := [2]int{}
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for range 250 {
				m.Lock()
				counts[0]++
				m.Unlock()
				rw.RLock()
				_ = counts[1]
				rw.RUnlock()
				rw.Lock()
				counts[1]++
				rw.Unlock()
			}
		})
	}
	done.Wait()
	if counts != [2]int{1000, 1000} {
		t.Errorf("counts %v, want 1000 each", counts)
	}
}

func TestTriesSayWhetherTheyTookTheLock(t *testing.T) {
	var m Mutex[Process]
	var rw RWMutex[Numbers]
	if !m.TryLock() || m.TryLock() {
		t.Error("TryLock() of the Mutex is wrong")
	}
	if !rw.TryRLock() {
		t.Error("TryRLock() of an RWMutex that nobody holds is false")
	}
	if !rw.TryRLock() || rw.TryLock() {
		t.Error("a try is wrong beside a reader")
	}
	rw.RUnlock()
	rw.RUnlock()
	if !rw.TryLock() || rw.TryRLock() {
		t.Error("a try is wrong beside a writer")
	}
	rw.Unlock()
	m.Unlock()
	if !m.TryLock() {
		t.Error("TryLock() of a Mutex that nobody holds is false")
	}
	m.Unlock()
}

func TestAnotherGoroutineMayUnlock(t *testing.T) {
	var m Mutex[Process]
	var rw RWMutex[Numbers]
	m.Lock()
	elsewhere(m.Unlock)
	rw.Lock()
	elsewhere(rw.Unlock)
	rw.RLock()
	elsewhere(rw.RUnlock)
	// This goroutine holds nothing, so it may take the first again.
	m.Lock()
	rw.Lock()
	rw.Unlock()
	m.Unlock()
}

func TestRLockerTakesReadLocks(t *testing.T) {
	var rw RWMutex[Numbers]
	l := rw.RLocker()
	l.Lock()
	if !rw.TryRLock() {
		t.Error("the lock is not one for reading")
	}
	rw.RUnlock()
	l.Unlock()
	rw.Lock()
	rw.Unlock()
}

// elsewhere calls f on a goroutine of its own.
func elsewhere(f func()) {
	var done sync.WaitGroup
	done.Go(f)
	done.Wait()
}
