//go:build unix

package conformance_test

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
)

func TestPrivateChildrenRaiseNoSIGCHLD(t *testing.T) {
	needBackend(t)
	if tier() != ward.TierPrivate {
		t.Skipf("children are not private on the %v tier", tier())
	}
	if os.Getpid() == 1 {
		t.Skip("PID 1 hears of orphans")
	}
	// What Private needs of the system is in place, or gone, after one child.
	wait(t, start(t, nil, "exit", "0"))
	raised := make(chan os.Signal, 1)
	signal.Notify(raised, syscall.SIGCHLD)
	defer signal.Stop(raised)
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
				<-h.Done()
			}
		})
	}
	wg.Wait()
	select {
	case <-raised:
		t.Error("SIGCHLD was raised")
	case <-time.After(20 * time.Millisecond):
	}
}
