//go:build unix

package conformance_test

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/wait4"
)

// TestPrivateIsGivenOrRefusedByName looks at a wait for any child, which must not
// take a private one. In the variants under a filter the refusal has to name what
// is missing.
func TestPrivateIsGivenOrRefusedByName(t *testing.T) {
	childtest.NeedBackend(t)
	r, w := childtest.Pipe(t)
	h, err := childtest.TryStart(&ward.Attr{Private: true, Files: []*os.File{r}}, "stdin", "6")
	if errors.Is(err, errors.ErrUnsupported) {
		var typed *ward.Error
		if !errors.As(err, &typed) || typed.Op != "start" || !namesWhatPrivateLacks(err.Error()) {
			t.Errorf("Start: %v; want what is missing", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	try := func(when string, mayFind bool) {
		pid, err := wait4.Try(-1, nil, nil)
		if err != syscall.ECHILD && !(mayFind && pid == 0) && os.Getpid() != 1 {
			t.Errorf("wait4(-1) %s a private child: %d, %v; want ECHILD", when, pid, err)
		}
	}
	try("beside", childtest.Autoreaps())
	w.Close()
	<-h.Done()
	try("after", false)
	if state := childtest.Wait(t, h); state.ExitCode() != 6 || state.Recovered() {
		t.Errorf("state %v, recovered: %v", state, state.Recovered())
	}
}

func TestPrivateChildrenRaiseNoSIGCHLD(t *testing.T) {
	childtest.NeedBackend(t)
	if childtest.Tier() != ward.TierPrivate {
		t.Skipf("children are not private on the %v tier", childtest.Tier())
	}
	if os.Getpid() == 1 {
		t.Skip("PID 1 hears of orphans")
	}
	// What Private needs of the system is in place, or gone, after one child.
	childtest.Wait(t, childtest.Start(t, nil, "exit", "0"))
	raised := make(chan os.Signal, 1)
	signal.Notify(raised, syscall.SIGCHLD)
	defer signal.Stop(raised)
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
