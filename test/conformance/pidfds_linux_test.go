package conformance_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

// pidfds counts the open pidfds.
func pidfds(t *testing.T) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, _ := os.Readlink(link); strings.Contains(target, "pidfd") {
			n++
		}
	}
	return n
}

// needNoParents skips a test that counts pidfds in a run where those of parents would be
// counted, too.
func needNoParents(t *testing.T) {
	t.Helper()
	if childtest.Private && !childtest.Autoreaps() {
		t.Skip("the children of this run have parents of their own, whose pidfds would be counted")
	}
}

// awaitNoPidfds waits until those of all handles are closed, and those of parents.
func awaitNoPidfds(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); pidfds(t) != 0; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatalf("%d pidfds are open", pidfds(t))
		}
	}
}

func TestTreeHoldsNoMoreThanThePidfdAndLetsGoOfIt(t *testing.T) {
	selftest.NeedProc(t)
	f, _ := childtest.Feature(ward.Capabilities(), "PIDFD_SIGNAL_PROCESS_GROUP")
	if !f.OK {
		t.Skipf("without %s there is nothing to hold: %s", f.Name, f.Reason)
	}
	needNoParents(t)
	for how, letGo := range map[string]func(ward.Handle){
		"by Close":             func(h ward.Handle) { h.Close() },
		"by garbage collector": func(ward.Handle) {},
	} {
		t.Run(how, func(t *testing.T) {
			awaitNoPidfds(t)
			h, f := childtest.StartFamily(t, &ward.Attr{Tree: true}, "", "exit")
			childtest.Wait(t, h)
			if n := pidfds(t); n != 1 {
				t.Errorf("%d pidfds are open, want 1", n)
			}
			letGo(h)
			awaitNoPidfds(t)
			f.MustLive(t)
		})
	}
}

func TestTreeOfNobodyIsLetGoOfAtTheExit(t *testing.T) {
	selftest.NeedProc(t)
	needNoParents(t)
	awaitNoPidfds(t)
	h := childtest.Start(t, &ward.Attr{Tree: true}, "exit", "0")
	childtest.Wait(t, h)
	if n := pidfds(t); n != 0 {
		t.Errorf("%d pidfds are open", n)
	}
	runtime.KeepAlive(h)
}

// TestPidfdOutlivesItsTree has a tree that is gone before the backend.
func TestPidfdOutlivesItsTree(t *testing.T) {
	selftest.NeedProc(t)
	needNoParents(t)
	h := childtest.Start(t, &ward.Attr{Tree: true}, "sleep")
	t.Cleanup(func() {
		h.Kill()
		<-h.Done()
	})
	before := pidfds(t)
	err := h.WithHandle(func(uintptr) {
		if err := h.KillTree(); err != nil {
			t.Error(err)
		}
		childtest.Wait(t, h)
		if n := pidfds(t); n != before {
			t.Errorf("%d pidfds are open in WithHandle, want %d", n, before)
		}
	})
	if errors.Is(err, os.ErrNoHandle) {
		t.Skip(err)
	}
	if err != nil {
		t.Error(err)
	}
	if n := pidfds(t); n != before-1 {
		t.Errorf("%d pidfds are open after it, want %d", n, before-1)
	}
}
