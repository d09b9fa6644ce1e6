package conformance_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/wait4"
	"golang.org/x/sys/unix"
)

func TestPrivateChildIsNotSeenByWait(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	raised := make(chan os.Signal, 1)
	signal.Notify(raised, syscall.SIGCHLD)
	defer signal.Stop(raised)
	h := childtest.Start(t, &ward.Attr{Private: true}, "exit", "42")
	waitFindsNone(t, "while it runs")
	hangUp(t, h)
	waitFindsNone(t, "after the exit")
	state := childtest.Wait(t, h)
	if state.ExitCode() != 42 || state.Recovered() || state.SysUsage() == nil {
		t.Errorf("Wait() = %v, recovered %v, usage %v", state, state.Recovered(), state.SysUsage())
	}
	select {
	case <-raised:
		t.Error("SIGCHLD was raised")
	case <-time.After(20 * time.Millisecond):
	}
}

// waitFindsNone checks that the program has no child for wait4(-1). PID 1 has
// orphans.
func waitFindsNone(t *testing.T, when string) {
	t.Helper()
	var status syscall.WaitStatus
	if pid, err := wait4.Try(-1, &status, nil); err != syscall.ECHILD && os.Getpid() != 1 {
		t.Errorf("wait4(-1) = %d, %v %s; want ECHILD", pid, err, when)
	}
}

// hangUp waits until poll(2) says that the process of h has exited.
func hangUp(t *testing.T, h ward.Handle) {
	t.Helper()
	err := h.WithHandle(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd)}}
		for {
			n, err := unix.Poll(poll, 10_000)
			if err == unix.EINTR {
				continue
			}
			if err != nil || n == 0 {
				t.Errorf("poll(%d) = %d, %v", fd, n, err)
			}
			return
		}
	})
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

func TestStatusThatWaitByGroupTookIsReadBack(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	for i := range 50 {
		group := [...]int{0, -syscall.Getpgrp()}[i%2]
		h := childtest.Start(t, nil, "exit", "17")
		var status syscall.WaitStatus
		var stolen bool
		for {
			pid, err := syscall.Wait4(group, &status, 0, nil) // blocks until the exit
			if err == syscall.EINTR {
				continue
			}
			stolen = err == nil && pid == h.PID()
			break
		}
		state, err := h.Wait(context.Background())
		if err != nil {
			t.Fatalf("Wait after wait4(%d): %v; stolen: %v", group, err, stolen)
		}
		if state.ExitCode() != 17 || state.Recovered() != stolen {
			t.Fatalf("Wait() = %v, recovered %v; wait4(%d) stole it: %v", state, state.Recovered(), group, stolen)
		}
		if err := h.Kill(); !errors.Is(err, syscall.ESRCH) {
			t.Fatalf("Kill after the theft: %v", err)
		}
	}
}

func TestHandleIsAProcessDescriptor(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	h := childtest.StartHeld(t)
	err := h.WithHandle(func(fd uintptr) {
		var pid int32
		_, _, errno := unix.Syscall(unix.SYS_PDGETPID, fd, uintptr(unsafe.Pointer(&pid)), 0)
		if errno != 0 || int(pid) != h.PID() {
			t.Errorf("pdgetpid(%d) = %d, %v; want %d", fd, pid, errno, h.PID())
		}
		if flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("fcntl(F_GETFD) = %#x, %v; want FD_CLOEXEC", flags, err)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPrivateIsRefusedWhereTheChildWouldNotBe(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	for name, sys := range map[string]*syscall.SysProcAttr{
		"Pdeathsig": {Pdeathsig: syscall.SIGTERM},
		"Jail":      {Jail: 1},
	} {
		for _, attr := range []*ward.Attr{
			{Private: true, Sys: sys}, {KillOnParentExit: true, Sys: sys}, {Tree: true, Sys: sys},
		} {
			h, err := childtest.TryStart(attr, "exit", "0")
			if !errors.Is(err, errors.ErrUnsupported) ||
				!strings.Contains(err.Error(), " with Sys."+name) {
				t.Errorf("Start with %s: %v, %v", name, h, err)
			}
		}
	}
}

// TestUncoveredChildIsWatchedByNumber starts what no spawn program covers.
func TestUncoveredChildIsWatchedByNumber(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	if childtest.Private {
		t.Skip("a private child is not watched by number")
	}
	sys := &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	h := childtest.Start(t, &ward.Attr{Sys: sys}, "exit", "3")
	if err := h.WithHandle(func(uintptr) {}); !errors.Is(err, os.ErrNoHandle) && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("WithHandle: %v", err)
	}
	if state := childtest.Wait(t, h); state.ExitCode() != 3 {
		t.Errorf("Wait() = %v", state)
	}
}
