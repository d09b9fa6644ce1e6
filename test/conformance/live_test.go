package conformance_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() { selftest.RegisterSized("live", keepAlive) }

func TestWaitingChildrenNeedNoThreads(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedBackend(t)
	n := fewLive
	switch {
	case *selftest.Long:
		n = manyLive
	case testing.Short():
		n = fewLive / 3
	}
	childtest.Report(t, nil, "live", strconv.Itoa(n))
}

// keepAlive has n goroutines wait for n live children and counts the threads.
func keepAlive(n int) {
	path, argv, env := holder()
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("pipe: %v", err)
	}
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range n {
		h, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env, Files: []*os.File{r}})
		if err != nil {
			childtest.Complain("child %d: %v", i, err)
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			defer cancel()
			if state, err := h.Wait(ctx); err != nil || !state.Success() {
				childtest.Complain("child %d: Wait() = %v, %v", i, state, err)
			}
		})
	}
	started := time.Since(begin)
	threads, most := threads(), runtime.GOMAXPROCS(0)+6+threadsFor(n)
	if threads > most {
		childtest.Complain("%d live children, %d threads; want %d at the most", n, threads, most)
	}
	begin = time.Now()
	w.Close()
	r.Close()
	wg.Wait()
	fmt.Printf("%d live children, %d threads; started in %v, reaped in %v\n", n, threads, started, time.Since(begin))
}

// threadsFor is what the backend may take more than the Go runtime's own.
func threadsFor(n int) int {
	switch ward.Capabilities().Backend {
	case "fallback":
		return 4 // os/signal has one, and starts take turns in a lock
	case "waitobj":
		return n/63 + 10 // one for each group, if there is no completion port
	}
	return 0
}
