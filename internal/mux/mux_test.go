//go:build linux || darwin || freebsd

package mux

import (
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward/internal/selftest"
)

func TestMain(m *testing.M) { selftest.Main(m, func() string { return "" }) }

// counter is a watcher that leaves its process as it is.
type counter struct{ calls, losses atomic.Int32 }

func (c *counter) ExitHeard(uint32, bool) { c.calls.Add(1) }

func (c *counter) DescriptorLost() { c.losses.Add(1) }

func (c *counter) await(t *testing.T, calls int32) {
	t.Helper()
	await(t, "a call of the watcher", func() bool { return c.calls.Load() >= calls })
}

func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !there(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come", what)
		}
	}
}

// A report is one call of a watcher.
type report struct {
	status uint32
	known  bool
}

// heard is a watcher that remembers what it is told.
type heard struct{ reports []report }

func (h *heard) ExitHeard(status uint32, known bool) {
	h.reports = append(h.reports, report{status, known})
}

func (h *heard) DescriptorLost() {}

// A child exits with its code when release is called.
type child struct {
	pid   int
	pidfd int // on Linux
	stdin *os.File
}

func startChild(t *testing.T, code string) *child {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Cleanup(func() { w.Close() })
	c := &child{stdin: w}
	path, argv, env := selftest.Command("stdin", code)
	attr := &syscall.ProcAttr{Env: env, Files: []uintptr{r.Fd()}, Sys: c.attr(t)}
	if c.pid, _, err = syscall.StartProcess(path, argv, attr); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *child) release() { c.stdin.Close() }

func (c *child) reap(t *testing.T) {
	t.Helper()
	for {
		switch _, err := syscall.Wait4(c.pid, nil, 0, nil); err {
		case syscall.EINTR:
		case nil:
			return
		default:
			t.Fatal(err)
		}
	}
}

func reserve(t *testing.T, m *Mux) {
	t.Helper()
	if err := m.Reserve(); err != nil {
		t.Fatal(err)
	}
}

func (m *Mux) isOpen() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.queue != nil
}

func (m *Mux) awaitClose(t *testing.T) {
	t.Helper()
	await(t, "the close of an idle mux", func() bool { return !m.isOpen() })
}

func TestIdleMuxClosesAndOpensAgain(t *testing.T) {
	var m Mux
	for range 3 {
		reserve(t, &m)
		m.Release()
		m.awaitClose(t)
	}
}

func TestMuxStaysOpenForALingerTimeAfterTheLastRelease(t *testing.T) {
	var m Mux
	for range 2 {
		reserve(t, &m)
		m.Release()
		time.Sleep(Linger / 2)
	}
	reserve(t, &m)
	released := time.Now()
	m.Release()
	m.awaitClose(t)
	if held := time.Since(released); held < Linger {
		t.Errorf("an idle mux closes after %v", held)
	}
}

func TestReservedMuxStaysOpen(t *testing.T) {
	var m Mux
	reserve(t, &m)
	for range 2 {
		reserve(t, &m)
		m.Release() // not the last
		time.Sleep(2 * Linger)
		if !m.isOpen() {
			t.Fatal("a reserved mux closes")
		}
	}
	m.Release()
	m.awaitClose(t)
}

func TestReservationOfAnIdleMuxKeepsItOpen(t *testing.T) {
	var m Mux
	reserve(t, &m)
	for range 2 {
		m.Release()
		reserve(t, &m)
		time.Sleep(2 * Linger)
		if !m.isOpen() {
			t.Fatal("a reserved mux closes")
		}
	}
	m.Release()
	m.awaitClose(t)
}

func TestReservedMuxIsNotBusy(t *testing.T) {
	var m Mux
	reserve(t, &m)
	m.Release()
	reserve(t, &m) // before the time that Release has the mux wake at
	time.Sleep(2 * Linger)
	const pause = 4 * Linger
	before := cpuTime(t)
	time.Sleep(pause)
	if used := cpuTime(t) - before; used > pause/4 {
		t.Errorf("the program computes for %v in %v", used, pause)
	}
	m.Release()
	m.awaitClose(t)
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func TestWatchHoldsAReservationUntilItsRemoval(t *testing.T) {
	var m Mux
	reserve(t, &m)
	var c counter
	child := startChild(t, "0")
	id, err := child.watch(&m, &c)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * Linger)
	child.release()
	c.await(t, 1)
	child.reap(t)
	m.Remove(id)
	m.awaitClose(t)
}

func TestIDsComeRoundWithoutMeetingALiveOne(t *testing.T) {
	m := Mux{watches: make(map[ID]watch)}
	var watchers [6]counter
	add := func(w Watcher) ID {
		id := m.newID()
		m.watches[id] = watch{Watcher: w}
		return id
	}
	first := add(&watchers[1])
	second := add(&watchers[2])
	delete(m.watches, first)
	if id := add(&watchers[3]); id == first || id == second {
		t.Errorf("the third ID is %d, after %d and %d", id, first, second)
	}
	m.last = ^ID(0) // all have been used
	if id := add(&watchers[4]); id != first {
		t.Errorf("the ID after the last is %d, want %d, which is free", id, first)
	}
	if id := add(&watchers[5]); id != second+2 {
		t.Errorf("the next ID is %d, want %d: those before are in use", id, second+2)
	}
	for id, i := range map[ID]int{first: 4, second: 2, second + 1: 3, second + 2: 5} {
		if m.watches[id].Watcher != &watchers[i] {
			t.Errorf("%d is not the ID of watcher %d", id, i)
		}
	}
}

// next does what run does for the next event, which is not a wake.
func (m *Mux) next(t *testing.T) {
	t.Helper()
	var events [1]event
	deadline := time.Now().Add(10 * time.Second)
	m.queue.wakeAt(deadline)
	for time.Now().Before(deadline) {
		n, err := m.queue.wait(events[:])
		if err != nil {
			t.Fatal(err)
		}
		id, status, known := decode(&events[0])
		if n == 1 && id != 0 {
			m.tell(id, status, known)
			return
		}
	}
	t.Fatal("no event")
}

func TestEventAfterRemoveIsForNobody(t *testing.T) {
	q, err := openQueue()
	if err != nil {
		t.Fatal(err)
	}
	defer q.close()
	m := Mux{queue: q, reserved: 2} // and nobody runs it
	m.watches, m.numbers = make(map[ID]watch), make(map[int]ID)

	var first, second heard
	child := startChild(t, "1")
	id, err := child.watch(&m, &first)
	if err != nil {
		t.Fatal(err)
	}
	child.release()
	child.reap(t) // its event waits to be fetched
	m.Remove(id)

	child = startChild(t, "2")
	id, err = child.watch(&m, &second)
	if err != nil {
		t.Fatal(err)
	}
	m.next(t)
	if len(first.reports)+len(second.reports) > 0 {
		t.Errorf("the event of the first child tells %v and %v", first, second)
	}
	child.release()
	m.next(t)
	if len(second.reports) != 1 || !second.reports[0].tells(2) {
		t.Errorf("the event of the second child tells %v", second)
	}
	child.reap(t)
	m.Remove(id)
}
