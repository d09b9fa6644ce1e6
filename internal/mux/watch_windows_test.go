package mux

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/wardproc/ward/internal/selftest"
	"go.uber.org/goleak"
	"golang.org/x/sys/windows"
)

// A mux is Groups or Port. To both an event is as good as a process.
type mux interface {
	Watch(windows.Handle, Watcher) error
}

func forBoth(t *testing.T, test func(t *testing.T, m mux)) {
	t.Run("Groups", func(t *testing.T) { test(t, new(Groups)) })
	t.Run("Port", func(t *testing.T) {
		if selftest.Wine() {
			t.Skip("Wine has no wait completion packets")
		}
		if err := PacketsWork(); err != nil {
			t.Fatal(err)
		}
		test(t, new(Port))
	})
}

// heard sends the number of an event that has been set.
type heard struct {
	number int
	to     chan int
}

func (h heard) ExitHeard(uint32, bool) { h.to <- h.number }

func (h heard) DescriptorLost() {}

func TestEachOfManyWatchesIsToldOnce(t *testing.T) {
	const n = 1000
	forBoth(t, func(t *testing.T, m mux) {
		told := make(chan int, 2*n)
		events := make([]windows.Handle, n)
		for i := range events {
			events[i] = newEvent(t, false)
			if err := m.Watch(events[i], heard{i, told}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * Linger)
		if len(told) > 0 {
			t.Fatalf("watch %d is told of an event that is not set", <-told)
		}
		for _, i := range rand.Perm(n) {
			set(t, events[i])
			if got := receive(t, told); got != i {
				t.Fatalf("event %d is set and watch %d is told", i, got)
			}
		}
		goleak.VerifyNone(t) // after it nobody can be told again
		if len(told) > 0 {
			t.Errorf("watch %d is told twice", <-told)
		}
	})
}

func TestWatchOfASetEventIsToldAtOnce(t *testing.T) {
	forBoth(t, func(t *testing.T, m mux) {
		told := make(chan int)
		for i := range 3 {
			if err := m.Watch(newEvent(t, true), heard{i, told}); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, told); got != i {
				t.Errorf("watch %d is told instead of %d", got, i)
			}
			time.Sleep(2 * Linger) // the goroutine ends and is started again
		}
	})
}

func TestHandleMayBeClosedWhileItIsWatched(t *testing.T) {
	forBoth(t, func(t *testing.T, m mux) {
		told := make(chan int, 1)
		event, err := windows.CreateEvent(nil, 1, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Watch(event, heard{7, told}); err != nil {
			t.Fatal(err)
		}
		var other windows.Handle
		self := windows.CurrentProcess()
		err = windows.DuplicateHandle(
			self, event, self, &other, 0, false, windows.DUPLICATE_SAME_ACCESS)
		if err != nil {
			t.Fatal(err)
		}
		windows.CloseHandle(event)
		time.Sleep(10 * time.Millisecond)
		set(t, other)
		windows.CloseHandle(other)
		receive(t, told)
	})
}

func TestWatchOfNoHandleFails(t *testing.T) {
	forBoth(t, func(t *testing.T, m mux) {
		if err := m.Watch(0xfffffff0, heard{}); err == nil {
			t.Error("Watch succeeded")
		}
	})
}

func TestIdleMuxHoldsNoHandle(t *testing.T) {
	forBoth(t, func(t *testing.T, m mux) {
		var counts []int
		for range 10 {
			told := make(chan int, 100)
			for i := range cap(told) {
				if err := m.Watch(newEvent(t, true), heard{i, told}); err != nil {
					t.Fatal(err)
				}
			}
			for range cap(told) {
				receive(t, told)
			}
			goleak.VerifyNone(t)
			counts = append(counts, selftest.HandleCount(""))
		}
		// The events are still open, and threads of the Go runtime come and
		// stay. What each round adds besides shows in the difference.
		for i := range counts[1:] {
			counts[i] = counts[i+1] - counts[i] - 100
		}
		counts = counts[:len(counts)-1]
		slices.Sort(counts)
		if middle := counts[len(counts)/2]; middle != 0 {
			t.Errorf("each round leaves %d handles", middle)
		}
	})
}

func newEvent(t *testing.T, isSet bool) windows.Handle {
	t.Helper()
	initial := uint32(0)
	if isSet {
		initial = 1
	}
	const manualReset = 1 // as a process, it stays signalled
	event, err := windows.CreateEvent(nil, manualReset, initial, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { windows.CloseHandle(event) })
	return event
}

func set(t *testing.T, event windows.Handle) {
	t.Helper()
	if err := windows.SetEvent(event); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, told <-chan int) int {
	t.Helper()
	select {
	case i := <-told:
		return i
	case <-time.After(20 * time.Second):
		t.Fatal("no watch is told")
		return -1
	}
}
