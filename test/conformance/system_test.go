package conformance_test

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

// hasHandle reports whether the backend knows a process by more than its number.
func hasHandle() bool {
	switch ward.Capabilities().Backend {
	case "pidfd", "procdesc", "waitobj":
		return true
	}
	return false
}

func TestWithHandleGivesAHandleWhereThereIsOne(t *testing.T) {
	h := childtest.StartHeld(t)
	called := false
	err := h.WithHandle(func(uintptr) { called = true })
	switch {
	case hasHandle() && (err != nil || !called):
		t.Errorf("WithHandle: %v, function called: %v", err, called)
	case !hasHandle() && (!errors.Is(err, os.ErrNoHandle) || called):
		t.Errorf("WithHandle: %v, function called: %v; want os.ErrNoHandle", err, called)
	}
	h.Release()
	childtest.Wait(t, h)
	if err := h.WithHandle(func(uintptr) {}); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("WithHandle after the exit: %v", err)
	}
}

func TestMembersOfASetNeedNoGoroutine(t *testing.T) {
	childtest.NeedBackend(t)
	if ward.Capabilities().Backend == "fallback" {
		t.Skip("the fallback backend has a goroutine for each child's pipe")
	}
	noGoroutines(t) // what lingers would be counted
	const members, most = 20, 8
	before := runtime.NumGoroutine()
	var set ward.Set
	for range members {
		set.Add(childtest.StartHeld(t).Handle)
	}
	if more := runtime.NumGoroutine() - before; more > most {
		t.Errorf("%d members, %d goroutines more; want %d at the most", members, more, most)
	}
}
