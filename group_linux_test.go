package ward_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/wardtest"
	"golang.org/x/sys/unix"
)

func init() {
	wardtest.Register("outlive a tree", func([]string) { outliveTree() })
}

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

// waitNoPidfds waits until none is open.
func waitNoPidfds(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); pidfds(t) > 0; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(deadline) {
			t.Fatalf("%d pidfds are left", pidfds(t))
		}
	}
}

func TestTreeHoldsNoMoreThanThePidfdAndLetsGoOfIt(t *testing.T) {
	if wardtest.KernelBefore(6, 9) || ward.Capabilities().Backend != "pidfd" {
		t.Skip("without PIDFD_SIGNAL_PROCESS_GROUP (Linux 6.9) there is nothing to hold")
	}
	for how, letGo := range map[string]func(ward.Handle){
		"by Close":             func(h ward.Handle) { h.Close() },
		"by garbage collector": func(ward.Handle) {},
	} {
		t.Run(how, func(t *testing.T) {
			waitNoPidfds(t) // the keeper of another test's children may linger
			h, f := childtest.StartFamily(t, &ward.Attr{Tree: true}, "", "exit")
			wait(t, h)
			if n := pidfds(t); n != 1 {
				t.Errorf("%d pidfds are open, want 1", n)
			}
			letGo(h)
			waitNoPidfds(t)
			f.MustLive(t)
		})
	}
}

func TestTreeOfNobodyIsLetGoOfAtTheExit(t *testing.T) {
	before := pidfds(t)
	h := start(t, &ward.Attr{Tree: true}, "exit", "0")
	wait(t, h)
	if n := pidfds(t); n != before {
		t.Errorf("%d pidfds are left", n-before)
	}
	runtime.KeepAlive(h)
}

// TestPidfdOutlivesItsTree has a tree that is gone before the backend.
func TestPidfdOutlivesItsTree(t *testing.T) {
	h := start(t, &ward.Attr{Tree: true}, "sleep")
	t.Cleanup(func() {
		h.Kill()
		<-h.Done()
	})
	before := pidfds(t)
	err := h.WithHandle(func(uintptr) {
		if err := h.KillTree(); err != nil {
			t.Error(err)
		}
		wait(t, h)
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

func TestKillTreeWhenTheRestHasEndedIsDone(t *testing.T) {
	for _, settings := range []string{"", "backend=fallback"} {
		runReport(t, &ward.Attr{Env: []string{"WARD=" + settings}}, "outlive a tree")
	}
}

// outliveTree takes the orphans of its tree itself: nobody else may reap them.
func outliveTree() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		complain("prctl: %v", err)
	}
	in, hold, err := os.Pipe()
	if err != nil {
		complain("%v", err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		complain("%v", err)
	}
	h, err := tryStart(&ward.Attr{Tree: true, Files: []*os.File{in, w, os.Stderr}}, "family", "", "exit")
	if err != nil {
		complain("%v", err)
	}
	in.Close()
	w.Close()
	<-h.Done()
	hold.Close()
	io.Copy(io.Discard, out) // until the orphan ends
	for err = unix.EINTR; err == unix.EINTR; {
		_, err = unix.Wait4(-1, nil, 0, nil)
	}
	if err != nil {
		complain("wait4: %v", err)
	}
	if err := h.KillTree(); !errors.Is(err, os.ErrProcessDone) {
		complain("KillTree: %v", err)
	}
}
