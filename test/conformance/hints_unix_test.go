//go:build unix

package conformance_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	// leaver starts a grandchild that has all its descriptors, the fallback
	// backend's pipe among them, and exits at once. The grandchild ends with
	// its standard input.
	selftest.Register("leaver", func([]string) {
		path, argv, env := selftest.Command("stdin", "0")
		var files []uintptr
		for fd := range uintptr(10) {
			files = append(files, fd)
			var st syscall.Stat_t
			if syscall.Fstat(int(fd), &st) != nil {
				files[fd] = ^uintptr(0)
			}
		}
		if _, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{Env: env, Files: files}); err != nil {
			panic(err)
		}
		os.Exit(6)
	})
	// naked closes all its descriptors and goes on.
	selftest.Register("naked", func([]string) {
		for fd := range 100 {
			syscall.Close(fd)
		}
		time.Sleep(time.Minute)
	})
}

func TestExitIsHeardWhileAGrandchildKeepsThePipe(t *testing.T) {
	childtest.NeedBackend(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() // ends the grandchild
	defer r.Close()
	h := childtest.Start(t, &ward.Attr{Files: []*os.File{r, nil, os.Stderr}}, "leaver")
	mustExitSoon(t, h)
	if state := childtest.Wait(t, h); state.ExitCode() != 6 {
		t.Errorf("Wait() = %v", state)
	}
}

func TestChildThatClosesItsDescriptorsHasNotExited(t *testing.T) {
	h := childtest.Start(t, nil, "naked")
	time.Sleep(100 * time.Millisecond)
	if _, err := h.TryWait(); err != ward.ErrRunning {
		t.Errorf("TryWait: %v", err)
	}
	h.Kill()
	mustExitSoon(t, h)
	if state := childtest.Wait(t, h); state.Signal() != syscall.SIGKILL {
		t.Errorf("Wait() = %v", state)
	}
}

func mustExitSoon(t *testing.T, h ward.Handle) {
	t.Helper()
	select {
	case <-h.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the exit was not heard")
	}
}
