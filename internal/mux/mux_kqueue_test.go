//go:build darwin || freebsd

package mux

import (
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

// heard is a watcher that remembers what it is told.
type heard struct{ statuses []syscall.WaitStatus }

func (h *heard) Exited(status uint32, known bool) {
	h.statuses = append(h.statuses, syscall.WaitStatus(status))
}

// startChild starts one that exits with the code when release is called.
func startChild(t *testing.T, code string) (pid int, release func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Cleanup(func() { w.Close() })
	path, argv, env := selftest.Command("stdin", code)
	pid, _, err = syscall.StartProcess(path, argv, &syscall.ProcAttr{Env: env, Files: []uintptr{r.Fd()}})
	if err != nil {
		t.Fatal(err)
	}
	return pid, func() { w.Close() }
}

func reap(t *testing.T, pid int) {
	t.Helper()
	for {
		switch _, err := syscall.Wait4(pid, nil, 0, nil); err {
		case syscall.EINTR:
		case nil:
			return
		default:
			t.Fatal(err)
		}
	}
}

// next does what run does for the next event.
func (m *Mux) next(t *testing.T) {
	t.Helper()
	var e event
	for {
		n, err := unix.Kevent(m.kq, nil, unsafe.Slice(e.kevent(), 1), &unix.Timespec{Sec: 10})
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			t.Fatalf("kevent: %d events, %v", n, err)
		}
		m.exited(&e)
		return
	}
}

func TestEventAfterRemoveIsForNobody(t *testing.T) {
	kq, err := unix.Kqueue()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(kq)
	m := Mux{open: true, kq: kq, reserved: 2, deadline: true} // and nobody runs it

	var first, second heard
	pid, release := startChild(t, "1")
	id, err := m.WatchNumber(pid, &first)
	if err != nil {
		t.Fatal(err)
	}
	release()
	reap(t, pid) // its event waits to be fetched
	m.Remove(id)

	pid, release = startChild(t, "2")
	id, err = m.WatchNumber(pid, &second)
	if err != nil {
		t.Fatal(err)
	}
	m.next(t)
	if len(first.statuses)+len(second.statuses) > 0 {
		t.Errorf("the event of the first child tells %v and %v", first, second)
	}
	release()
	m.next(t)
	if len(second.statuses) != 1 || second.statuses[0].ExitStatus() != 2 {
		t.Errorf("the event of the second child tells %v", second)
	}
	reap(t, pid)
	m.Remove(id)
}
