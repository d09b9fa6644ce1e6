//go:build darwin || freebsd

package ward_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/wardtest"
)

func init() {
	wardtest.Register("live", func(args []string) {
		n, _ := strconv.Atoi(args[0])
		keepAlive(n)
	})
}

func TestWaitingChildrenNeedNoThreads(t *testing.T) {
	n := 100
	if *wardtest.Long {
		n = 500
	}
	runReport(t, nil, "live", strconv.Itoa(n))
}

// keepAlive has n goroutines wait for n live children and counts the threads.
func keepAlive(n int) {
	r, w, err := os.Pipe()
	if err != nil {
		complain("pipe: %v", err)
	}
	var wg sync.WaitGroup
	for i := range n {
		h, err := tryStart(&ward.Attr{Files: []*os.File{r}}, "stdin", "0")
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
	threads := pprof.Lookup("threadcreate").Count()
	fmt.Printf("%d live children, %d threads\n", n, threads)
	if most := runtime.GOMAXPROCS(0) + 8; threads > most {
		complain("that is more than %d threads", most)
	}
	w.Close()
	r.Close()
	wg.Wait()
}

// TestEarlyExitsAreHeard kills children right after their start: most of them exit
// while they are registered.
func TestEarlyExitsAreHeard(t *testing.T) {
	n, parallel := children()
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for range n / parallel {
				h, err := tryStart(nil, "exit", "0")
				if err != nil {
					t.Error(err)
					return
				}
				h.Kill()
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				state, err := h.Wait(ctx)
				cancel()
				if err != nil || state.Success() == state.Signaled() {
					t.Errorf("child %d: Wait() = %v, %v", h.PID(), state, err)
				}
			}
		})
	}
	wg.Wait()
}
