package conformance_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

// writeProgram makes a file of an image of package tinyprog in a folder.
func writeProgram(t *testing.T, dir string, image []byte) (path string) {
	t.Helper()
	if image == nil {
		t.Skip("no tiny program for " + runtime.GOARCH)
	}
	path = filepath.Join(dir, "program")
	if err := os.WriteFile(path, image, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStartWaitsForABusyProgram(t *testing.T) {
	program := writeProgram(t, t.TempDir(), tinyprog.Pause(runtime.GOARCH))
	busy, err := os.OpenFile(program, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := os.StartProcess(program, nil, new(os.ProcAttr)); err == nil {
		p.Kill()
		p.Wait()
		t.Skip("the system executes a program that is open for writing")
	}
	if h, err := childtest.StartProgram(program, nil, nil); !errors.Is(err, syscall.ETXTBSY) {
		t.Errorf("Start() = %v, %v while the program is written", h, err)
	}
	time.AfterFunc(20*time.Millisecond, func() { busy.Close() })
	h, err := childtest.StartProgram(program, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.Kill()
	<-h.Done()
}

// A slowProgram is one whose exec does not end before release is called. It is kept
// waiting by a lease on its file: fcntl(2), F_SETLEASE.
type slowProgram struct {
	path  string
	lease int
}

// writeSlowProgram makes one of an image of package tinyprog.
func writeSlowProgram(t *testing.T, dir string, image []byte) slowProgram {
	t.Helper()
	path := writeProgram(t, dir, image)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("no lease on %s: %v", path, err)
	}
	return slowProgram{path, fd}
}

// awaitExec waits until an exec waits for the lease: the kernel then says what the
// lease is to become.
func (p slowProgram) awaitExec(t *testing.T) {
	t.Helper()
	for range 2000 {
		lease, err := unix.FcntlInt(uintptr(p.lease), unix.F_GETLEASE, 0)
		if err != nil {
			t.Fatal(err)
		}
		if lease != unix.F_WRLCK {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no exec comes to the lease")
}

func (p slowProgram) release() { unix.FcntlInt(uintptr(p.lease), unix.F_SETLEASE, unix.F_UNLCK) }

func TestForkLockIsFreeDuringASlowExec(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	for _, sys := range []*syscall.SysProcAttr{nil, ownCredential()} {
		program := writeSlowProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
		started := make(chan error, 1)
		go func() {
			started <- run(program.path, &ward.Attr{InheritDescriptors: true, Sys: sys})
		}()
		program.awaitExec(t)
		free := make(chan struct{})
		go func() {
			defer close(free)
			syscall.ForkLock.RLock()
			//lint:ignore SA2001 it is enough to get it
			syscall.ForkLock.RUnlock()
		}()
		select {
		case <-free:
		case <-time.After(10 * time.Second):
			t.Error("syscall.ForkLock is held over the exec")
		}
		program.release()
		if err := <-started; err != nil {
			t.Error(err)
		}
	}
}

// TestInheritingStartDoesNotWaitForAnotherOnesExec holds the lock as package syscall
// does over an exec that hangs.
func TestInheritingStartDoesNotWaitForAnotherOnesExec(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	ward.Capabilities()
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	before := time.Now()
	h, err := childtest.TryStart(&ward.Attr{InheritDescriptors: true}, "exit", "0")
	if err != nil {
		t.Fatal(err)
	}
	<-h.Done()
	if d := time.Since(before); d > 10*time.Second {
		t.Errorf("a start took %v", d)
	}
}

// ownCredential is what the program has already, for whoever may set it. Without /proc
// the child of a spawn program cannot have memory of its own, as it must then.
func ownCredential() *syscall.SysProcAttr {
	if os.Getuid() != 0 || selftest.LacksProc() {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{NoSetGroups: true}}
}

func TestGarbageCollectionGoesOnDuringASlowExec(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	program := writeSlowProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
	started := make(chan error, 1)
	go func() { started <- run(program.path, nil) }()
	program.awaitExec(t)
	for range 3 {
		runtime.GC() // stops the world
	}
	select {
	case err := <-started:
		t.Errorf("the start did not wait for the lease, or the collection for the start: %v", err)
	default:
		program.release()
		if err := <-started; err != nil {
			t.Error(err)
		}
	}
}

// run starts a program and waits for its end.
func run(program string, attr *ward.Attr) error {
	h, err := childtest.StartProgram(program, []string{program}, attr)
	if err == nil {
		_, err = h.Wait(context.Background())
	}
	return err
}
