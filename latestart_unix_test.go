//go:build unix

package ward_test

import (
	"context"
	"maps"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	selftest.Register("late start", func([]string) { waitBesideLateStart() })
}

func TestWait4LeavesChildToAStartUnderWay(t *testing.T) {
	childtest.NeedBackend(t)
	childtest.Report(t, nil, "late start")
}

// stranger starts a helper that belongs to no handle.
func stranger(sys *syscall.SysProcAttr, files []uintptr, helper string, args ...string) int {
	path, argv, env := selftest.Command(helper, args...)
	pid, _, err := syscall.StartProcess(path, argv, &syscall.ProcAttr{Env: env, Files: files, Sys: sys})
	if err != nil {
		childtest.Complain("%v", err)
	}
	return pid
}

func waitBesideLateStart() {
	for _, exits := range []bool{true, false} { // before Wait4 is called
		finish, _ := ward.BeginStart()
		r, w, err := os.Pipe()
		if err != nil {
			childtest.Complain("%v", err)
		}
		pid := ofStart([]uintptr{r.Fd()}, "stdin", "9")
		if exits {
			w.Close()
			time.Sleep(20 * time.Millisecond)
		}
		result := make(chan error)
		go func() {
			got, err := ward.Wait4(-1, nil, 0, nil)
			if got > 0 {
				childtest.Complain("Wait4 took the child %d of a start", got)
			}
			result <- err
		}()
		time.Sleep(50 * time.Millisecond)
		h := finish(pid)
		w.Close()
		if state, err := h.Wait(context.Background()); err != nil || state.ExitCode() != 9 || state.SysUsage() == nil {
			childtest.Complain("Wait() = %v, %v", state, err)
		}
		if err := <-result; err != syscall.ECHILD {
			childtest.Complain("Wait4: %v", err)
		}
		r.Close()
	}

	// A start that hangs holds nothing else.
	finish, _ := ward.BeginStart()
	pid := stranger(nil, nil, "exit", "3")
	var status syscall.WaitStatus
	if got, err := ward.Wait4(-1, &status, 0, nil); got != pid || err != nil || status.ExitStatus() != 3 {
		childtest.Complain("Wait4 beside a start that hangs = %d, %v, %#x, want %d",
			got, err, status, pid)
	}
	// What might be its own it holds for a second.
	pid = ofStart(nil, "exit", "9")
	other := ofStart(nil, "exit", "4")
	time.AfterFunc(20*time.Second, func() {
		childtest.Complain("Wait4 beside a start that hangs does not return")
	})
	got := map[int]int{}
	for len(got) < 2 {
		pid, err := ward.Wait4(-1, &status, 0, nil)
		if err != nil {
			childtest.Complain("Wait4 beside a start that hangs: %v", err)
		}
		got[pid] = status.ExitStatus()
	}
	if want := map[int]int{pid: 9, other: 4}; !maps.Equal(got, want) {
		childtest.Complain("Wait4 beside a start that hangs took %v, want %v", got, want)
	}
	h := finish(pid) // a start that is later than that loses nothing
	if state, err := h.Wait(context.Background()); err != nil || state.ExitCode() != 9 || state.SysUsage() == nil {
		childtest.Complain("Wait() = %v, %v", state, err)
	}
}
