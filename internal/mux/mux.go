//go:build linux || darwin || freebsd

package mux

import (
	"time"

	"github.com/wardproc/ward/internal/lockorder"
)

// A Mux watches processes. The zero Mux is ready for use and holds nothing; it
// opens its queue for the first Reserve and closes it when the last reservation
// has been given back for some time.
type Mux struct {
	// mu guards the fields below. Waiting and the calls of watchers go on
	// without it. Who has a reservation may read queue without it, too.
	mu        lockorder.Mutex[lockorder.Mux]
	queue     *queue // the part of the system; nil while closed, then no goroutine runs
	reserved  int
	idleSince time.Time // when reserved fell to 0
	waking    bool      // the queue has a time to wake at, to look at idleSince
	watchers  map[ID]Watcher
	last      ID // the newest
}

// An ID names one watch, and 0 none. The kernel keeps it, and says it also with
// an event that was on its way when the watch ended: so it is not used again,
// or, with 32 bits, not before all others have been.
type ID uintptr

// Reserve makes sure that a process can be watched. Release gives the
// reservation back.
func (m *Mux) Reserve() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queue == nil {
		if err := m.open(); err != nil {
			return err
		}
	}
	m.reserved++
	return nil
}

// Release gives back a reservation that no watch has used.
func (m *Mux) Release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release()
}

// release gives a reservation back. The caller holds mu.
func (m *Mux) release() {
	m.reserved--
	if m.reserved > 0 {
		return
	}
	m.idleSince = time.Now()
	if !m.waking {
		m.waking = true
		m.queue.wakeAt(m.idleSince.Add(Linger))
	}
}

// add returns the ID of a new watch. The caller has a reservation for it.
func (m *Mux) add(w Watcher) ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		m.last++
		if _, used := m.watchers[m.last]; !used && m.last != 0 {
			m.watchers[m.last] = w
			return m.last
		}
	}
}

// Remove ends a watch, and gives its reservation back. A call of the watcher
// may be under way. What the kernel keeps of the watch ends otherwise: on Linux
// by Suspend, before this; in a kqueue with the exit event or, for a descriptor,
// with its close, as a number could mean the next process by now.
func (m *Mux) Remove(id ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watchers, id)
	m.release()
}

// open opens the queue and starts the goroutine that waits. The caller holds mu.
func (m *Mux) open() error {
	if err := ReservePoller(); err != nil { // also for the timers of our callers
		return err
	}
	q, err := openQueue()
	if err != nil {
		return err
	}
	m.queue, m.waking, m.watchers = q, false, make(map[ID]Watcher)
	go m.run(q)
	return nil
}

// run calls watchers until the Mux has been idle for the linger time.
func (m *Mux) run(q *queue) {
	events := make([]event, 128)
	for {
		n, err := q.wait(events)
		if err != nil {
			// Nothing but a descriptor closed by a stranger leads here.
			panic("ward: " + err.Error())
		}
		for i := range n {
			m.tell(decode(&events[i]))
		}
		if n == 0 && m.closeIfIdle() {
			return
		}
	}
}

// tell calls the watcher of id, if the watch has not ended.
func (m *Mux) tell(id ID, status uint32, known bool) {
	m.mu.Lock()
	w := m.watchers[id]
	m.mu.Unlock()
	if w != nil {
		w.ExitHeard(status, known)
	}
}

// closeIfIdle is called when the queue has woken without an event. It gives
// everything back if no reservation was made for the linger time, or else sets
// the next time to wake at, if there is one.
func (m *Mux) closeIfIdle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reserved > 0 {
		m.waking = false
		m.queue.wakeAt(time.Time{})
		return false
	}
	if end := m.idleSince.Add(Linger); time.Now().Before(end) {
		m.queue.wakeAt(end)
		return false
	}
	m.queue.close()
	m.queue, m.watchers = nil, nil
	return true
}
