//go:build linux || darwin || freebsd

package mux

import (
	"testing"

	"github.com/wardproc/ward/internal/selftest"
)

func TestMain(m *testing.M) { selftest.Main(m, func() string { return "" }) }

func TestIDsComeRoundWithoutMeetingALiveOne(t *testing.T) {
	var ws watchers[int]
	first := ws.add(1)
	second := ws.add(2)
	delete(ws.byID, first)
	if id := ws.add(3); id == first || id == second {
		t.Errorf("the third ID is %d, after %d and %d", id, first, second)
	}
	ws.last = ^ID(0) // all have been used
	if id := ws.add(4); id != first {
		t.Errorf("the ID after the last is %d, want %d, which is free", id, first)
	}
	if id := ws.add(5); id != second+2 {
		t.Errorf("the next ID is %d, want %d: those before are in use", id, second+2)
	}
	for id, want := range map[ID]int{first: 4, second: 2, second + 1: 3, second + 2: 5} {
		if w := ws.byID[id]; w != want {
			t.Errorf("the watcher of %d is %d, want %d", id, w, want)
		}
	}
}
