package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/windows"
)

func init() {
	// burn uses as much CPU time as it is told.
	selftest.Register("burn", func(args []string) {
		d, _ := time.ParseDuration(args[0])
		var created, exited, kernel, user windows.Filetime
		for uint64(user.HighDateTime)<<32|uint64(user.LowDateTime) < uint64(d/100) {
			if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
				childtest.Complain("GetProcessTimes: %v", err)
			}
		}
	})
	// breakable exits with 5 when it gets CTRL_BREAK.
	selftest.Register("breakable", func([]string) {
		c := make(chan os.Signal, 1)
		signal.Notify(c, os.Interrupt)
		fmt.Println("ready")
		<-c
		os.Exit(5)
	})
	// ofStdin exits with 1 if it has a process as its standard input.
	selftest.Register("ofStdin", func([]string) {
		h, _ := windows.GetStdHandle(windows.STD_INPUT_HANDLE)
		if pid, err := windows.GetProcessId(h); err == nil && pid != 0 {
			os.Exit(1)
		}
	})
}

func TestCapabilitiesNameTheWindowsBackend(t *testing.T) {
	caps := ward.Capabilities()
	if caps.Backend != "waitobj" || caps.Tier != ward.TierPrivate {
		t.Errorf("Capabilities() = %v", caps)
	}
	for _, f := range caps.Features {
		if !f.OK && !selftest.Wine() {
			t.Errorf("Windows lacks %s: %s", f.Name, f.Reason)
		}
	}
}

func TestEveryExitCodeIsAnOrdinaryOne(t *testing.T) {
	const stillActive, accessViolation = 259, 0xC0000005
	for code, text := range map[int64]string{
		0:               "exit status 0",
		1:               "exit status 1",
		42:              "exit status 42",
		255:             "exit status 255",
		stillActive:     "exit status 259",
		accessViolation: "exit status 0xc0000005",
	} {
		state := childtest.Wait(t, childtest.Start(t, nil, "exit", strconv.FormatInt(code, 10)))
		if int64(state.ExitCode()) != code || state.String() != text || !state.Exited() || state.Signaled() {
			t.Errorf("exit %d: got %v, ExitCode %d", code, state, state.ExitCode())
		}
		if status := state.Sys().(syscall.WaitStatus); int64(status.ExitCode) != code {
			t.Errorf("exit %d: Sys() = %v", code, status)
		}
	}
}

func TestKilledChildHasExitCode1(t *testing.T) {
	h := childtest.StartHeld(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := h.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("one of many Kills: %v", err)
			}
		})
	}
	wg.Wait()
	if state := childtest.Wait(t, h); state.ExitCode() != 1 {
		t.Errorf("Wait() = %v", state)
	}
}

func TestOtherSignalsAreUnsupported(t *testing.T) {
	h := childtest.StartHeld(t)
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.Signal(0)} {
		if err := h.Signal(sig); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Signal(%v): %v", sig, err)
		}
	}
}

func TestStopKillsWhatCannotBeInterrupted(t *testing.T) {
	state, err := ward.Stop(context.Background(), childtest.StartHeld(t))
	if err != nil || state.ExitCode() != 1 {
		t.Errorf("Stop() = %v, %v", state, err)
	}
}

func TestInterruptNeedsAProcessGroup(t *testing.T) {
	err := childtest.StartHeld(t).Signal(os.Interrupt)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "CREATE_NEW_PROCESS_GROUP") {
		t.Errorf("Signal(os.Interrupt): %v", err)
	}
}

func TestInterruptIsCtrlBreak(t *testing.T) {
	if selftest.Wine() {
		t.Skip("Wine's GenerateConsoleCtrlEvent refuses CTRL_BREAK")
	}
	r, w := childtest.Pipe(t)
	h := childtest.Start(t, &ward.Attr{
		Files: []*os.File{nil, w, os.Stderr},
		Sys:   &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP},
	}, "breakable")
	w.Close()
	defer h.Kill()
	childtest.ReadLine(t, r)
	if err := h.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if state := childtest.Wait(t, h); state.ExitCode() != 5 {
		t.Errorf("Wait() = %v", state)
	}
	if err := h.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("after the exit: %v", err)
	}
}

func TestStateHasCPUTimesOfTheProcess(t *testing.T) {
	if selftest.Wine() {
		t.Skip("Wine's GetProcessTimes gives the CPU times of the caller for any process")
	}
	const spent = 200 * time.Millisecond
	begin := time.Now()
	state := childtest.Wait(t, childtest.Start(t, nil, "burn", spent.String()))
	most := time.Since(begin) * time.Duration(runtime.NumCPU())
	if user := state.UserTime(); user < spent || user > most {
		t.Errorf("UserTime() = %v, want %v to %v", user, spent, most)
	}
}

func TestStateHasTimesOfStartAndExit(t *testing.T) {
	const tick = 20 * time.Millisecond // of the system's clock
	begin := time.Now()
	h := childtest.StartHeld(t)
	time.Sleep(5 * tick)
	h.Release()
	usage := childtest.Wait(t, h).SysUsage().(*syscall.Rusage)
	end := time.Now()
	created := time.Unix(0, usage.CreationTime.Nanoseconds())
	exited := time.Unix(0, usage.ExitTime.Nanoseconds())
	if created.Before(begin.Add(-tick)) || exited.After(end.Add(tick)) || exited.Sub(created) < 4*tick {
		t.Errorf("from %v to %v, want within %v to %v", created, exited, begin, end)
	}
}

func TestHandleIsThatOfTheProcess(t *testing.T) {
	h := childtest.StartHeld(t)
	err := h.WithHandle(func(fd uintptr) {
		if pid, err := windows.GetProcessId(windows.Handle(fd)); int(pid) != h.PID() {
			t.Errorf("GetProcessId: %d, %v; want %d", pid, err, h.PID())
		}
	})
	if err != nil {
		t.Error(err)
	}
	h.Release()
	childtest.Wait(t, h)
	if err := h.WithHandle(func(uintptr) {}); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("WithHandle after the exit: %v", err)
	}
}

func TestPrivateIsEveryChild(t *testing.T) {
	h := childtest.Start(t, &ward.Attr{Private: true}, "exit", "3")
	if state := childtest.Wait(t, h); state.ExitCode() != 3 {
		t.Errorf("Wait() = %v", state)
	}
}

// TestNilFileGivesNoHandle: -1 is at once the number of no file and, to
// DuplicateHandle, the program itself.
func TestNilFileGivesNoHandle(t *testing.T) {
	_, w := childtest.Pipe(t)
	attr := &ward.Attr{Files: []*os.File{nil, w, nil}}
	if state := childtest.Wait(t, childtest.Start(t, attr, "ofStdin")); !state.Success() {
		t.Error("the child has a handle of a process as its standard input")
	}
}

func TestSysIsHonouredAndLeftAlone(t *testing.T) {
	for name, attr := range map[string]ward.Attr{
		"":                 {},
		"Tree":             {Tree: true},
		"KillOnParentExit": {KillOnParentExit: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := childtest.Pipe(t)
			attr.Files = []*os.File{nil, w, os.Stderr}
			attr.Sys = &syscall.SysProcAttr{CmdLine: `ward "of the command line"`, HideWindow: true}
			h := childtest.Start(t, &attr, "describe")
			w.Close()
			if got, want := childtest.ReadLine(t, r), `["of the command line"]`; got != want {
				t.Errorf("child has the arguments %s, want %s", got, want)
			}
			childtest.Wait(t, h)
			if attr.Sys.CreationFlags != 0 {
				t.Errorf("Start has changed CreationFlags to %#x", attr.Sys.CreationFlags)
			}
		})
	}
}

func TestChildAskedForAsSuspendedStaysSo(t *testing.T) {
	for _, tree := range []bool{false, true} {
		h := childtest.Start(t, &ward.Attr{
			Tree: tree,
			Sys:  &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED},
		}, "exit", "0")
		time.Sleep(300 * time.Millisecond)
		if state, err := h.TryWait(); err != ward.ErrRunning {
			t.Errorf("Tree %v: TryWait() = %v, %v", tree, state, err)
		}
		h.Kill()
		childtest.Wait(t, h)
	}
}

func TestStartsLeaveNoHandle(t *testing.T) {
	attrs := []*ward.Attr{{}, {Tree: true}, {KillOnParentExit: true}, {Tree: true, KillOnParentExit: true}}
	round := func() {
		for _, attr := range attrs {
			childtest.Wait(t, childtest.Start(t, attr, "exit", "0"))
			if _, err := ward.Start(`C:\no such program`, nil, attr); err == nil {
				t.Error("a missing program is started")
			}
		}
	}
	round()
	noGoroutines(t)
	before := selftest.HandleCount("")
	const rounds = 5
	for range rounds {
		round()
	}
	noGoroutines(t)
	// A thread of the Go runtime that is new has some handles of its own.
	if more := selftest.HandleCount("") - before; more >= rounds*len(attrs) {
		t.Errorf("%d rounds of %d starts leave %d handles", rounds, len(attrs), more)
	}
}
