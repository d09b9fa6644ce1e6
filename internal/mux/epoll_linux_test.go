package mux

import (
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attr has the pidfd of c stored.
func (c *child) attr(t *testing.T) *syscall.SysProcAttr {
	t.Cleanup(func() { unix.Close(c.pidfd) })
	return &syscall.SysProcAttr{PidFD: &c.pidfd}
}

func (c *child) watch(m *Mux, w Watcher) (ID, error) { return m.Watch(c.pidfd, w) }

// tells reports whether r is what an exit with the code is reported by: epoll
// knows no status.
func (r report) tells(code int) bool { return r == report{} }

func TestZombieDoesNotKeepTheMuxBusy(t *testing.T) {
	var m Mux
	reserve(t, &m)
	var c counter
	child := startChild(t, "0")
	child.release()
	id, err := child.watch(&m, &c)
	if err != nil {
		t.Fatal(err)
	}
	c.await(t, 1)
	time.Sleep(50 * time.Millisecond)
	if calls := c.calls.Load(); calls > 2 {
		t.Errorf("%d calls for one zombie", calls)
	}
	child.reap(t)
	m.Suspend(child.pidfd)
	m.Remove(id)
}

func TestResumeTellsOfAnExitInTheMeantime(t *testing.T) {
	var m Mux
	reserve(t, &m)
	var c counter
	child := startChild(t, "0")
	child.release()
	id, err := child.watch(&m, &c)
	if err != nil {
		t.Fatal(err)
	}
	m.Suspend(child.pidfd)
	before := c.calls.Load()
	unix.Poll([]unix.PollFd{{Fd: int32(child.pidfd), Events: unix.POLLIN}}, -1)
	if err := m.Resume(child.pidfd, id); err != nil {
		t.Fatal(err)
	}
	c.await(t, before+1)
	child.reap(t)
	m.Suspend(child.pidfd)
	m.Remove(id)
}
