package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("ready", func([]string) {
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		os.Exit(6)
	})
	selftest.Register("trace beside Wait4", func([]string) { traceBesideWait4() })
	selftest.Register("trace a thread", func([]string) { traceThread() })
	selftest.Register("trace beside a reaper", func([]string) { traceBesideReaper() })
}

// These trace as programs do that use os/exec: on a locked thread, with waits of
// their own for what ptrace(2) reports.

func TestStopOfATracedChildIsNoExit(t *testing.T) {
	childtest.NeedBackend(t)
	childtest.NeedPtrace(t)
	// A Go program's own signals would stop it, too.
	brief := writeProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
	for name, attr := range map[string]*ward.Attr{
		"alone":            {Sys: &syscall.SysProcAttr{Ptrace: true}},
		"Pdeathsig":        {Sys: &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGTERM}},
		"KillOnParentExit": {Sys: &syscall.SysProcAttr{Ptrace: true}, KillOnParentExit: true},
	} {
		t.Run(name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			h, err := childtest.StartProgram(brief, []string{brief, "\x07"}, attr)
			if childtest.Private {
				if !errors.Is(err, errors.ErrUnsupported) {
					t.Fatalf("Start of a traced private child: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			checkStop(t, h, syscall.SIGTRAP)
			if err := syscall.PtraceCont(h.PID(), 0); err != nil {
				t.Fatalf("ptrace(PTRACE_CONT) on the thread that called Start: %v", err)
			}
			if state := childtest.Wait(t, h); state.ExitCode() != 7 || state.Recovered() {
				t.Errorf("Wait() = %v, recovered: %v", state, state.Recovered())
			}
		})
	}
}

func TestStopOfAChildThatIsTracedLaterIsNoExit(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, w := childtest.Pipe(t)
	out, ready := childtest.Pipe(t)
	h := childtest.Start(t, &ward.Attr{Files: []*os.File{r, ready}}, "ready")
	childtest.ReadLine(t, out) // its exec would be another stop
	if err := syscall.PtraceAttach(h.PID()); err != nil {
		h.Kill()
		t.Skipf("ptrace(PTRACE_ATTACH): %v", err)
	}
	checkStop(t, h, syscall.SIGSTOP)
	if err := syscall.PtraceDetach(h.PID()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if state := childtest.Wait(t, h); state.ExitCode() != 6 || state.Recovered() {
		t.Errorf("Wait() = %v, recovered: %v", state, state.Recovered())
	}
}

func TestWait4ReportsNoStopOfATracedChildOfAHandle(t *testing.T) {
	childtest.NeedPtrace(t)
	childtest.Report(t, nil, "trace beside Wait4")
}

func TestWait4ReportsTheStopOfATracedThread(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedPtrace(t)
	childtest.Report(t, nil, "trace a thread")
}

func TestReaperTakesNoStop(t *testing.T) {
	childtest.NeedPtrace(t)
	childtest.Report(t, nil, "trace beside a reaper")
}

// startTraced starts a program that stops at its exec.
func startTraced() ward.Handle {
	path, argv, env := selftest.Command("exit", "6")
	h, err := ward.Start(path, argv, &ward.Attr{Env: env, Sys: &syscall.SysProcAttr{Ptrace: true}})
	if err != nil {
		childtest.Complain("%v", err)
	}
	for !stopped(childtest.Complain, h.PID()) {
		time.Sleep(time.Millisecond)
	}
	return h
}

// letGo ends the tracing.
func letGo(pid int) {
	if err := syscall.PtraceDetach(pid); err != nil {
		childtest.Complain("ptrace(PTRACE_DETACH) of %d: %v", pid, err)
	}
}

// check waits for a child that startTraced has started.
func check(h ward.Handle) {
	if state, err := h.Wait(context.Background()); err != nil || state.ExitCode() != 6 {
		childtest.Complain("Wait() = %v, %v", state, err)
	}
}

func traceBesideWait4() {
	runtime.LockOSThread()
	h := startTraced()
	time.AfterFunc(20*time.Second, func() { childtest.Complain("Wait4 does not return") })
	if pid, err := ward.Wait4(-1, nil, syscall.WNOHANG, nil); pid != 0 || err != nil {
		childtest.Complain("Wait4 = %d, %v", pid, err)
	}
	letGo(h.PID())
	if pid, err := ward.Wait4(-1, nil, 0, nil); err != syscall.ECHILD {
		childtest.Complain("Wait4 = %d, %v", pid, err)
	}
	check(h)
}

func traceThread() {
	runtime.LockOSThread()
	in, hold, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	out, ready, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	pid := stranger(nil, []uintptr{in.Fd(), ready.Fd()}, "ready")
	out.Read(make([]byte, 1)) // a Go program has several threads by then
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		childtest.Complain("%v", err)
	}
	thread := pid
	for _, entry := range threads { // the numbers may have come round
		if other, err := strconv.Atoi(entry.Name()); err == nil && other != pid {
			thread = other
		}
	}
	if thread == pid {
		childtest.Complain("threads %v of %d", threads, pid)
	}
	if err := syscall.PtraceAttach(thread); err != nil {
		childtest.Complain("ptrace(PTRACE_ATTACH): %v", err)
	}
	time.AfterFunc(20*time.Second, func() { childtest.Complain("Wait4 does not return") })
	var status syscall.WaitStatus
	if got, err := ward.Wait4(-1, &status, 0, nil); got != thread || err != nil || !status.Stopped() {
		childtest.Complain("Wait4 = %d, %v, status %#x; want the stop of %d, a thread of %d",
			got, err, status, thread, pid)
	}
	if got, err := ward.Wait4(-1, &status, syscall.WNOHANG, nil); got != 0 || err != nil {
		childtest.Complain("Wait4 = %d, %v, status %#x", got, err, status)
	}
	letGo(thread)
	hold.Close()
	if got, err := ward.Wait4(-1, &status, 0, nil); got != pid || err != nil || status.ExitStatus() != 6 {
		childtest.Complain("Wait4 = %d, %v, status %#x; want the exit of %d", got, err, status, pid)
	}
}

func traceBesideReaper() {
	runtime.LockOSThread()
	h := startTraced()
	other := stranger(&syscall.SysProcAttr{Ptrace: true}, nil, "exit", "6")
	for !stopped(childtest.Complain, other) {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	reaper := ward.Reaper{Grace: time.Nanosecond, Report: func(pid int, state *ward.State) {
		childtest.Complain("the Reaper took %d: %v", pid, state)
	}}
	go func() {
		defer close(over)
		reaper.Run(ctx)
	}()
	time.Sleep(100 * time.Millisecond)
	cancel()
	<-over
	for _, pid := range []int{h.PID(), other} {
		var status syscall.WaitStatus
		if got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil); got != pid || err != nil || !status.Stopped() {
			childtest.Complain("wait4 = %d, %v, status %#x; want the stop of %d",
				got, err, status, pid)
		}
		letGo(pid)
	}
	check(h)
}

// stopped reports whether the child has something for its tracer.
func stopped(fail func(string, ...any), pid int) bool {
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		fail("waitid: %v", err)
	}
	return info.Signo != 0
}

// checkStop waits until the child has stopped and checks that all the while it
// counts as one that runs, and that the report of the stop is left to the tracer.
func checkStop(t *testing.T, h ward.Handle, want syscall.Signal) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			syscall.Kill(h.PID(), syscall.SIGKILL)
		}
	})
	running := func(when string) {
		t.Helper()
		select {
		case <-h.Done():
			state, err := h.Wait(context.Background())
			t.Fatalf("Wait() = %v, %v %s", state, err, when)
		default:
		}
	}
	for !stopped(t.Fatalf, h.PID()) {
		running("before the stop")
		time.Sleep(time.Millisecond)
	}
	go h.Wait(context.Background())
	if _, err := h.TryWait(); err != ward.ErrRunning {
		t.Errorf("TryWait: %v", err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Wait(over); err != context.Canceled {
		t.Errorf("Wait: %v", err)
	}
	if err := h.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("Signal: %v", err)
	}
	time.Sleep(50 * time.Millisecond) // for the sweeps of the reap table
	running("after the stop")
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(h.PID(), &status, syscall.WNOHANG, nil)
	if pid != h.PID() || err != nil || !status.Stopped() || status.StopSignal() != want {
		t.Fatalf("wait4 = %d, %v, status %#x; want the stop of %d by %v", pid, err, status, h.PID(), want)
	}
}
