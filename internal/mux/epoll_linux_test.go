package mux

import (
	"syscall"
	"testing"
	"time"

	pidfds "github.com/wardproc/ward/internal/pidfd"
	"golang.org/x/sys/unix"
)

// attr has the pidfd of c stored.
func (c *child) attr(t *testing.T) *syscall.SysProcAttr {
	t.Cleanup(func() { unix.Close(c.pidfd) })
	return &syscall.SysProcAttr{PidFD: &c.pidfd}
}

func (c *child) watch(m *Mux, w Watcher) (ID, error) {
	return m.Watch(pidfds.Own(c.pidfd, c.pid), w)
}

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
	m.Suspend(id)
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
	m.Suspend(id)
	before := c.calls.Load()
	unix.Poll([]unix.PollFd{{Fd: int32(child.pidfd), Events: unix.POLLIN}}, -1)
	if err := m.Resume(id); err != nil {
		t.Fatal(err)
	}
	c.await(t, before+1)
	child.reap(t)
	m.Suspend(id)
	m.Remove(id)
}

// A loss is something that a stranger does to the descriptor of a queue. What it puts
// there it leaves, and the queue must, too.
var losses = map[string]func(t *testing.T, fd int){
	"closed": func(t *testing.T, fd int) { unix.Close(fd) },
	"pipe": func(t *testing.T, fd int) {
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		replace(t, p[0], fd)
		t.Cleanup(func() { unix.Close(p[1]) })
	},
	"epoll": func(t *testing.T, fd int) {
		other, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		replace(t, other, fd)
	},
}

func (m *Mux) descriptor() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.queue.fd
}

// replace moves a stranger's file to the number fd.
func replace(t *testing.T, stranger, fd int) {
	t.Helper()
	if err := unix.Dup3(stranger, fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	unix.Close(stranger)
	var before unix.Stat_t
	unix.Fstat(fd, &before)
	t.Cleanup(func() {
		var after unix.Stat_t
		if unix.Fstat(fd, &after) != nil || after.Ino != before.Ino {
			t.Error("the mux has closed a descriptor of a stranger's")
		}
		unix.Close(fd)
	})
}

// Whatever is done next to the mux, it has another queue, with all watches.
func TestMuxWhoseQueueIsLostHearsOfAllExits(t *testing.T) {
	next := map[string]func(t *testing.T, m *Mux, id ID){
		"Verify":  func(t *testing.T, m *Mux, id ID) { m.Verify(id) },
		"Suspend": func(t *testing.T, m *Mux, id ID) { m.Suspend(id); m.Resume(id) },
		"Watch": func(t *testing.T, m *Mux, _ ID) {
			reserve(t, m)
			var c counter
			child := startChild(t, "0")
			id, err := child.watch(m, &c)
			if err != nil {
				t.Fatal(err)
			}
			child.release()
			c.await(t, 1)
			child.reap(t)
			m.Suspend(id)
			m.Remove(id)
		},
	}
	for how, lose := range losses {
		for what, operation := range next {
			t.Run(how+" then "+what, func(t *testing.T) {
				var m Mux
				reserve(t, &m)
				reserve(t, &m)
				var early, late counter
				children := []*child{startChild(t, "0"), startChild(t, "0")}
				first, err := children[0].watch(&m, &early)
				if err != nil {
					t.Fatal(err)
				}
				second, err := children[1].watch(&m, &late)
				if err != nil {
					t.Fatal(err)
				}
				lose(t, m.descriptor())
				children[0].release()
				unix.Poll([]unix.PollFd{{Fd: int32(children[0].pidfd), Events: unix.POLLIN}}, -1)
				operation(t, &m, second)
				early.await(t, 1)
				children[1].release()
				late.await(t, 1)
				for i, id := range []ID{first, second} {
					children[i].reap(t)
					m.Suspend(id)
					m.Remove(id)
				}
				m.awaitClose(t)
				if n := early.losses.Load() + late.losses.Load(); n > 0 {
					t.Errorf("%d watchers are told that they have lost what they have not", n)
				}
			})
		}
	}
}

func TestLostIdleQueueIsLeftAlone(t *testing.T) {
	for how, lose := range losses {
		t.Run(how, func(t *testing.T) {
			var m Mux
			reserve(t, &m)
			lose(t, m.descriptor())
			m.Release()
			m.awaitClose(t)
		})
	}
}

func TestWatchOfANumberTellsWhoHadItBefore(t *testing.T) {
	var m Mux
	reserve(t, &m)
	reserve(t, &m)
	var robbed, next counter
	first, second := startChild(t, "0"), startChild(t, "0")
	id, err := first.watch(&m, &robbed)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(second.pidfd, first.pidfd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	again, err := m.Watch(pidfds.Own(first.pidfd, second.pid), &next)
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the news of the loss", func() bool { return robbed.losses.Load() == 1 })
	first.release()
	second.release()
	next.await(t, 1)
	first.reap(t)
	second.reap(t)
	m.Remove(id)
	m.Suspend(again)
	m.Remove(again)
	m.awaitClose(t)
}
