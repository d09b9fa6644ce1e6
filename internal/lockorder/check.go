//go:build lockorder

package lockorder

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
)

// A Mutex is a sync.Mutex of the rank R.
type Mutex[R rank] struct {
	mu     sync.Mutex
	owners owners
}

// Lock is that of a sync.Mutex. It panics if the goroutine holds a lock that may not
// be held here.
func (m *Mutex[R]) Lock() {
	check[R]()
	m.mu.Lock()
	add[R](&m.owners)
}

// TryLock is that of a sync.Mutex.
func (m *Mutex[R]) TryLock() bool {
	taken := m.mu.TryLock()
	if taken {
		add[R](&m.owners)
	}
	return taken
}

// Unlock is that of a sync.Mutex.
func (m *Mutex[R]) Unlock() {
	drop[R](&m.owners)
	m.mu.Unlock()
}

// An RWMutex is a sync.RWMutex of the rank R.
type RWMutex[R rank] struct {
	mu     sync.RWMutex
	owners owners
}

// Lock is that of a sync.RWMutex. It panics if the goroutine holds a lock that may not
// be held here.
func (m *RWMutex[R]) Lock() {
	check[R]()
	m.mu.Lock()
	add[R](&m.owners)
}

// TryLock is that of a sync.RWMutex.
func (m *RWMutex[R]) TryLock() bool {
	taken := m.mu.TryLock()
	if taken {
		add[R](&m.owners)
	}
	return taken
}

// Unlock is that of a sync.RWMutex.
func (m *RWMutex[R]) Unlock() {
	drop[R](&m.owners)
	m.mu.Unlock()
}

// RLock is that of a sync.RWMutex. It panics as Lock does.
func (m *RWMutex[R]) RLock() {
	check[R]()
	m.mu.RLock()
	add[R](&m.owners)
}

// TryRLock is that of a sync.RWMutex.
func (m *RWMutex[R]) TryRLock() bool {
	taken := m.mu.TryRLock()
	if taken {
		add[R](&m.owners)
	}
	return taken
}

// RUnlock is that of a sync.RWMutex.
func (m *RWMutex[R]) RUnlock() {
	drop[R](&m.owners)
	m.mu.RUnlock()
}

// RLocker is that of a sync.RWMutex.
func (m *RWMutex[R]) RLocker() sync.Locker { return (*reader[R])(m) }

type reader[R rank] RWMutex[R]

func (r *reader[R]) Lock()   { (*RWMutex[R])(r).RLock() }
func (r *reader[R]) Unlock() { (*RWMutex[R])(r).RUnlock() }

// owners are the goroutines that hold one lock. The lock keeps them because another
// goroutine may unlock it. all.mu guards them.
type owners []goroutine

// all is what each goroutine holds.
var all struct {
	mu   sync.Mutex // guards held and all owners
	held map[goroutine][]rank
}

// check panics if the goroutine may not take a lock of the rank R.
func check[R rank]() {
	var next R
	g := self()
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, r := range all.held[g] {
		if r.place() >= next.place() {
			panic(breach(r, next))
		}
	}
}

func breach(held, next rank) string {
	why := "which comes later"
	if held == next {
		why = "of which it may hold one"
	}
	return fmt.Sprintf("lockorder: a goroutine takes %T and holds %T, %s", next, held, why)
}

// add notes that the goroutine has taken the lock.
func add[R rank](o *owners) {
	var taken R
	g := self()
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.held == nil {
		all.held = make(map[goroutine][]rank)
	}
	*o = append(*o, g)
	all.held[g] = append(all.held[g], taken)
}

// drop notes that the lock is unlocked. It takes the longest owner for the one that
// has handed the lock over, if the goroutine itself is none: of several readers
// nobody knows which. Of a lock that nobody holds, package sync complains.
func drop[R rank](o *owners) {
	var given R
	g := self()
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(*o) == 0 {
		return
	}
	i := max(slices.Index(*o, g), 0)
	g = (*o)[i]
	*o = slices.Delete(*o, i, i+1)
	held := all.held[g]
	i = slices.Index(held, rank(given))
	all.held[g] = slices.Delete(held, i, i+1)
	if len(held) == 1 {
		delete(all.held, g)
	}
}

// A goroutine is the number of one, which no later one gets.
type goroutine uint64

// self reads the number from the head of a stack trace: nothing else tells it.
func self() goroutine {
	var trace [64]byte
	head := trace[:runtime.Stack(trace[:], false)]
	fields := bytes.Fields(head) // "goroutine 7 [running]:"
	n, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("lockorder: the head of a stack trace is %q", head))
	}
	return goroutine(n)
}
