package ward_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/tinyprog"
	"github.com/wardproc/ward/internal/wardtest"
	"golang.org/x/sys/unix"
)

func init() {
	wardtest.Register("live", func(args []string) {
		n, _ := strconv.Atoi(args[0])
		keepAlive(n)
	})
}

func TestWaitingChildrenNeedNoThreads(t *testing.T) {
	n := 300
	if *wardtest.Long {
		n = 8000
	}
	runReport(t, nil, "live", strconv.Itoa(n))
}

// keepAlive has n goroutines wait for n live children and counts the threads.
func keepAlive(n int) {
	path, err := tiny(tinyprog.Hold(runtime.GOARCH))
	if err != nil {
		complain("%v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		complain("%v", err)
	}
	var wg sync.WaitGroup
	for i := range n {
		h, err := ward.Start(path, []string{path}, &ward.Attr{Files: []*os.File{r}})
		if err != nil {
			complain("child %d: %v", i, err)
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			if state, err := h.Wait(ctx); err != nil || !state.Success() {
				complain("child %d: Wait() = %v, %v", i, state, err)
			}
		})
	}
	threads := threads()
	fmt.Printf("%d live children, %d threads\n", n, threads)
	most := runtime.GOMAXPROCS(0) + 6
	if ward.Capabilities().Backend == "fallback" {
		most += 4 // os/signal has one, and starts take turns in a lock
	}
	if threads > most {
		complain("that is more than %d threads", most)
	}
	w.Close()
	r.Close()
	wg.Wait()
}

func threads() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		complain("%v", err)
	}
	_, text, _ := bytes.Cut(status, []byte("\nThreads:"))
	n, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		complain("%v", err)
	}
	return n
}

// tiny returns the path of a program that is in memory only.
func tiny(image []byte) (path string, err error) {
	if image == nil {
		return "", fmt.Errorf("no tiny program for %s", runtime.GOARCH)
	}
	fd, err := unix.MemfdCreate("tiny", unix.MFD_CLOEXEC)
	if err != nil {
		return "", os.NewSyscallError("memfd_create", err)
	}
	if _, err := unix.Write(fd, image); err != nil {
		return "", os.NewSyscallError("write", err)
	}
	// Open for writing it cannot be executed: open it again.
	read, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", os.NewSyscallError("open", err)
	}
	unix.Close(fd)
	self, err := os.Readlink("/proc/self") // not Getpid, which may be of another pid namespace
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/proc/%s/fd/%d", self, read), nil
}
