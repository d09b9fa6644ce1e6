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
	// without it.
	mu        lockorder.Mutex[lockorder.Mux]
	queue     *queue // the part of the system; nil while closed, then no goroutine runs
	deaf      bool   // the queue has failed and no goroutine waits
	mending   bool   // mend is to be tried again
	reserved  int
	idleSince time.Time // when reserved fell to 0
	waking    bool      // the queue has a time to wake at, to look at idleSince
	watches   map[ID]watch
	numbers   map[int]ID // the watch of each descriptor that is watched
	last      ID         // the newest
}

// A watch is who is told of what.
type watch struct {
	Watcher
	place
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
	m.wakeIdle()
}

// wakeIdle has the queue wake when it will have been idle for long. The caller holds mu.
func (m *Mux) wakeIdle() {
	if !m.waking {
		m.waking = true
		m.queue.wakeAt(m.idleSince.Add(Linger))
	}
}

// watch begins a new watch, for which the caller has a reservation.
func (m *Mux) watch(p place, w Watcher) (ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.mend()
	id := m.newID()
	m.settle(id, watch{w, p})
	if err == nil {
		err = p.enter(m.queue, id)
	}
	return id, err
}

// newID returns one that no watch has. The caller holds mu.
func (m *Mux) newID() ID {
	for {
		m.last++
		if _, used := m.watches[m.last]; !used && m.last != 0 {
			return m.last
		}
	}
}

// settle notes a watch and its descriptor. Another watch that has the number of that
// has lost its own: the system gives no number twice. The caller holds mu.
func (m *Mux) settle(id ID, w watch) {
	m.watches[id] = w
	fd, ok := w.number()
	if !ok {
		return
	}
	if other, held := m.numbers[fd]; held && other != id {
		// Not here, as our caller may hold what it takes.
		go m.watches[other].DescriptorLost()
	}
	m.numbers[fd] = id
}

// forget is the opposite of settle. The caller holds mu.
func (m *Mux) forget(id ID) {
	if fd, ok := m.watches[id].number(); ok && m.numbers[fd] == id {
		delete(m.numbers, fd)
	}
	delete(m.watches, id)
}

// Remove ends a watch, and gives its reservation back. A call of the watcher
// may be under way. What the kernel keeps of the watch ends otherwise: on Linux
// by Suspend, before this; in a kqueue with the exit event or, for a descriptor,
// with its close, as a number could mean the next process by now.
func (m *Mux) Remove(id ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(id)
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
	m.queue, m.waking, m.deaf = q, false, false
	m.watches, m.numbers = make(map[ID]watch), make(map[int]ID)
	go m.run(q)
	return nil
}

// mend opens another queue if a stranger has closed the present one, and moves all
// watches to it. What has happened meanwhile is heard there. The caller holds mu.
func (m *Mux) mend() error {
	if m.queue == nil || !m.deaf && !m.queue.lost() {
		return nil
	}
	q, err := openQueue()
	if err != nil {
		m.mendLater()
		return err
	}
	m.queue.discard()
	m.queue, m.waking, m.deaf = q, false, false
	for id, w := range m.watches {
		if w.lost() || w.enter(q, id) != nil {
			go w.DescriptorLost()
		}
	}
	if m.reserved == 0 {
		m.wakeIdle()
	}
	go m.run(q)
	return nil
}

// mendLater has mend tried again. The caller holds mu.
func (m *Mux) mendLater() {
	if m.mending {
		return
	}
	m.mending = true
	time.AfterFunc(Linger, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.mending = false
		m.mend()
	})
}

// run calls watchers until the Mux has been idle for the linger time, or has another
// queue.
func (m *Mux) run(q *queue) {
	events := make([]event, 128)
	for {
		n, err := q.wait(events)
		if err != nil {
			m.fail(q)
			return
		}
		for i := range n {
			m.tell(decode(&events[i]))
		}
		if n == 0 && m.closeIfIdle(q) {
			return
		}
	}
}

// fail is called when a queue can be waited for no more: a stranger has closed it.
func (m *Mux) fail(q *queue) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queue == q {
		m.deaf = true
		m.mend()
	}
}

// tell calls the watcher of id, if the watch has not ended.
func (m *Mux) tell(id ID, status uint32, known bool) {
	m.mu.Lock()
	w, ok := m.watches[id]
	m.mu.Unlock()
	if ok {
		w.ExitHeard(status, known)
	}
}

// closeIfIdle is called when q has woken without an event, and reports whether q has
// served. It gives everything back if no reservation was made for the linger time, or
// else sets the next time to wake at, if there is one.
func (m *Mux) closeIfIdle(q *queue) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queue != q {
		return true
	}
	if m.reserved > 0 {
		m.waking = false
		m.queue.wakeAt(time.Time{})
		return false
	}
	if end := m.idleSince.Add(Linger); time.Now().Before(end) {
		m.queue.wakeAt(end)
		return false
	}
	q.discard()
	m.queue, m.watches, m.numbers = nil, nil, nil
	return true
}

// discard closes a queue that is ours, and gives it up if it is lost.
func (q *queue) discard() {
	if q.lost() {
		q.forsake()
	} else {
		q.close()
	}
}
