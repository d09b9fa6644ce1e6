package mux

import (
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

// counter is a watcher that leaves its process as it is.
type counter struct{ calls atomic.Int32 }

func (c *counter) Ready() { c.calls.Add(1) }

func (c *counter) await(t *testing.T, calls int32) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); c.calls.Load() < calls; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d calls, want %d", c.calls.Load(), calls)
		}
	}
}

func startChild(t *testing.T) (pidfd int) {
	t.Helper()
	path, argv, env := selftest.Command("exit", "0")
	attr := &syscall.ProcAttr{Env: env, Sys: &syscall.SysProcAttr{PidFD: &pidfd}}
	if _, _, err := syscall.StartProcess(path, argv, attr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pidfd) })
	return pidfd
}

func reap(t *testing.T, pidfd int) {
	t.Helper()
	if err := unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED, nil); err != nil {
		t.Fatal(err)
	}
}

func TestZombieDoesNotKeepTheMuxBusy(t *testing.T) {
	var m Mux
	if err := m.Reserve(); err != nil {
		t.Fatal(err)
	}
	var c counter
	fd := startChild(t)
	id, err := m.Watch(fd, &c)
	if err != nil {
		t.Fatal(err)
	}
	c.await(t, 1)
	time.Sleep(50 * time.Millisecond)
	if calls := c.calls.Load(); calls > 2 {
		t.Errorf("%d calls for one zombie", calls)
	}
	reap(t, fd)
	m.Suspend(fd)
	m.Remove(id)
}

func TestResumeTellsOfAnExitInTheMeantime(t *testing.T) {
	var m Mux
	if err := m.Reserve(); err != nil {
		t.Fatal(err)
	}
	var c counter
	fd := startChild(t)
	id, err := m.Watch(fd, &c)
	if err != nil {
		t.Fatal(err)
	}
	m.Suspend(fd)
	before := c.calls.Load()
	unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
	if err := m.Resume(fd, id); err != nil {
		t.Fatal(err)
	}
	c.await(t, before+1)
	reap(t, fd)
	m.Suspend(fd)
	m.Remove(id)
}

func TestIdleMuxClosesAndOpensAgain(t *testing.T) {
	var m Mux
	for range 3 {
		if err := m.Reserve(); err != nil {
			t.Fatal(err)
		}
		m.Release()
		for deadline := time.Now().Add(10 * time.Second); m.isOpen(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("an idle mux stays open")
			}
		}
	}
}

func (m *Mux) isOpen() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conn != nil
}
