package conformance_test

import (
	"context"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

// TestEarlyExitsAreHeard kills children right after their start: most of them
// exit while the package takes note of them.
func TestEarlyExitsAreHeard(t *testing.T) {
	childtest.NeedBackend(t)
	n, parallel := children()
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for range n / parallel {
				h, err := childtest.TryStart(nil, "exit", "0")
				if err != nil {
					t.Error(err)
					return
				}
				h.Kill()
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				state, err := h.Wait(ctx)
				cancel()
				if err != nil || state.Pid() != h.PID() || !state.Success() && !killed(state) {
					t.Errorf("child %d: Wait() = %v, %v", h.PID(), state, err)
				}
			}
		})
	}
	wg.Wait()
}

// killed reports whether Kill ended the process of state.
func killed(state *ward.State) bool {
	if runtime.GOOS == "windows" {
		return state.ExitCode() == 1
	}
	return state.Signaled() && state.Signal() == os.Kill
}
