package pidfd

import (
	"os"
	"syscall"
	"testing"

	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

// startOwned starts a child, which the test reaps, and returns its Descriptor.
func startOwned(t *testing.T) Descriptor {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd := -1
	path, argv, env := selftest.Command("stdin", "0")
	pid, _, err := syscall.StartProcess(path, argv, &syscall.ProcAttr{
		Env: env, Files: []uintptr{r.Fd()}, Sys: &syscall.SysProcAttr{PidFD: &fd},
	})
	if err != nil {
		t.Fatal(err)
	}
	if fd < 0 {
		t.Skip("the system makes no pidfd with a child (CLONE_PIDFD)")
	}
	t.Cleanup(func() {
		w.Close()
		syscall.Wait4(pid, nil, 0, nil)
		unix.Close(fd)
	})
	return Own(fd, pid)
}

// asBefore returns d as it is where the kernel has no pidfs (Linux 6.9).
func asBefore(d Descriptor) Descriptor {
	return Descriptor{FD: d.FD, pid: d.pid, owned: setOwner(d.FD, d.pid) == nil}
}

func forBoth(t *testing.T, test func(t *testing.T, own func(Descriptor) Descriptor)) {
	t.Run("as it is", func(t *testing.T) {
		test(t, func(d Descriptor) Descriptor { return d })
	})
	t.Run("without pidfs", func(t *testing.T) { test(t, asBefore) })
}

func TestDescriptorIsNotLostBeforeItIsClosed(t *testing.T) {
	forBoth(t, func(t *testing.T, own func(Descriptor) Descriptor) {
		d := own(startOwned(t))
		if d.Lost() {
			t.Error("lost while the process runs")
		}
		Signal(d.FD, unix.SIGKILL)
		ExitedWithin(d.FD, -1)
		if d.Lost() {
			t.Error("lost while the process is a zombie")
		}
		Wait(d.FD, new(Siginfo), unix.WEXITED, nil)
		if d.Lost() {
			t.Error("lost when the process has been reaped")
		}
	})
}

func TestDescriptorWhoseNumberIsAnothersIsLost(t *testing.T) {
	forBoth(t, func(t *testing.T, own func(Descriptor) Descriptor) {
		other := own(startOwned(t))
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		for what, fd := range map[string]int{"a pidfd": other.FD, "a file": int(null.Fd())} {
			d := own(startOwned(t))
			if err := unix.Dup3(fd, d.FD, unix.O_CLOEXEC); err != nil {
				t.Fatal(err)
			}
			if !d.Lost() {
				t.Errorf("not lost, and %s has the number", what)
			}
			if d.Close(); !isOpen(d.FD) {
				t.Errorf("Close has closed %s that has the number", what)
			}
			if other.Lost() {
				t.Error("what has another number is lost, too")
			}
		}
	})
}

func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

func TestReopenFindsTheSameProcessOrNone(t *testing.T) {
	d := startOwned(t)
	if (d.file == file{}) {
		if _, err := d.Reopen(); err == nil {
			t.Fatal("a process is found again that nothing tells from others")
		}
		return
	}
	if err := Opens(); err != nil {
		t.Skip(err)
	}
	again, err := d.Reopen()
	if err != nil {
		t.Fatal(err)
	}
	if again.FD == d.FD || again.Lost() {
		t.Errorf("found again as %v, after %v", again, d)
	}
	again.Close()
	other := startOwned(t)
	d.pid = other.pid // as if the process were gone and had left its number to the other
	if again, err := d.Reopen(); err == nil {
		t.Errorf("another process is found as %v", again)
	}
}
