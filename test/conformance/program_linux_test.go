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

	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

// writeProgram makes a file of an image of package tinyprog.
func writeProgram(t *testing.T, image []byte) (path string) {
	t.Helper()
	if image == nil {
		t.Skip("no tiny program for " + runtime.GOARCH)
	}
	path = filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, image, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStartWaitsForABusyProgram(t *testing.T) {
	program := writeProgram(t, tinyprog.Pause(runtime.GOARCH))
	busy, err := os.OpenFile(program, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
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

// TestGarbageCollectionGoesOnDuringASlowExec keeps the exec waiting by a lease
// on the program's file: fcntl(2), F_SETLEASE.
func TestGarbageCollectionGoesOnDuringASlowExec(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	program := writeProgram(t, tinyprog.Exit(runtime.GOARCH))
	fd, err := unix.Open(program, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("no lease on %s: %v", program, err)
	}
	started := make(chan error, 1)
	go func() {
		h, err := childtest.StartProgram(program, []string{program}, nil)
		if err == nil {
			_, err = h.Wait(context.Background())
		}
		started <- err
	}()
	time.Sleep(50 * time.Millisecond) // the exec has come to the lease
	for range 3 {
		runtime.GC() // stops the world
	}
	select {
	case err := <-started:
		t.Errorf("the start did not wait for the lease, or the collection for the start: %v", err)
	default:
		unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
		if err := <-started; err != nil {
			t.Error(err)
		}
	}
}
