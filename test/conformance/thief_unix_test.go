//go:build unix

package conformance_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/wait4"
)

func init() {
	selftest.Register("die", func(args []string) {
		dieOf(syscall.Signal(selftest.Number(args[0])))
	})
}

// ending is how a child is asked to end.
type ending struct {
	code   int
	signal syscall.Signal // 0: exits with code
}

func randomEnding() ending {
	if rand.IntN(2) == 0 {
		return ending{code: rand.IntN(256)}
	}
	fatal := fatalSignals()
	return ending{signal: fatal[rand.IntN(len(fatal))]}
}

func (e ending) start() (ward.Handle, error) {
	helper, arg := e.command()
	return childtest.TryStart(nil, helper, arg)
}

// command is the helper that ends so.
func (e ending) command() (helper, arg string) {
	if e.signal != 0 {
		return "die", strconv.Itoa(int(e.signal))
	}
	return "exit", strconv.Itoa(e.code)
}

func (e ending) is(s *ward.State) bool {
	if e.signal != 0 {
		return s.Signaled() && s.Signal() == e.signal
	}
	return s.Exited() && s.ExitCode() == e.code
}

// counts of children by what Wait said of them.
type counts struct{ right, recovered, lost, wrong atomic.Int64 }

func (c *counts) add(t *testing.T, e ending, h ward.Handle) {
	state, err := h.Wait(context.Background())
	switch {
	case errors.Is(err, ward.ErrStatusLost):
		c.lost.Add(1)
	case err != nil:
		c.wrong.Add(1)
		t.Errorf("Wait: %v", err)
	case !e.is(state) || state.Pid() != h.PID():
		c.wrong.Add(1)
		t.Errorf("pid %d: asked for %+v, got %v of %d", h.PID(), e, state, state.Pid())
	default:
		c.right.Add(1)
		if state.Recovered() {
			c.recovered.Add(1)
		}
	}
}

// runMany starts children with random endings, so many at a time, and counts.
func runMany(t *testing.T, children, parallel int) *counts {
	childtest.NeedBackend(t)
	var c counts
	var wg sync.WaitGroup
	var next atomic.Int64
	for range parallel {
		wg.Go(func() {
			for next.Add(1) <= int64(children) {
				e := randomEnding()
				h, err := e.start()
				if err != nil {
					t.Error(err)
					return
				}
				c.add(t, e, h)
			}
		})
	}
	wg.Wait()
	t.Logf("%d right, of which %d recovered; %d lost, %d wrong",
		c.right.Load(), c.recovered.Load(), c.lost.Load(), c.wrong.Load())
	if total := c.right.Load() + c.lost.Load(); total != int64(children) {
		t.Errorf("%d right or lost, want %d", total, children)
	}
	return &c
}

func TestEveryStatusIsRight(t *testing.T) {
	n, parallel := children()
	if c := runMany(t, n, parallel); c.lost.Load() > 0 {
		t.Errorf("%d statuses lost without a thief", c.lost.Load())
	}
}

func TestThievesTakeNoStatusUnnoticed(t *testing.T) {
	fatalSignals() // whose children are not for the thieves
	var stolen atomic.Int64
	stop := make(chan struct{})
	var thieves sync.WaitGroup
	for range 2 {
		thieves.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var status syscall.WaitStatus
				if pid, err := wait4.Try(-1, &status, nil); err == nil && pid > 0 {
					stolen.Add(1)
				}
				runtime.Gosched()
			}
		})
	}
	n, parallel := children()
	c := runMany(t, n, parallel)
	close(stop)
	thieves.Wait()
	t.Logf("%d stolen", stolen.Load())
	tier := childtest.Tier()
	switch {
	case tier == ward.TierPrivate && stolen.Load() > 0 && os.Getpid() != 1:
		t.Errorf("%d stolen on the %v tier", stolen.Load(), tier)
	case tier < ward.TierPrivate && stolen.Load() == 0:
		t.Error("the thieves took nothing: this test shows nothing")
	}
	// A kqueue hears of a child only once that is registered.
	if tier >= ward.TierRecoverable && ward.Capabilities().Backend != "kqueue" && c.lost.Load() > 0 {
		t.Errorf("%d statuses lost on the %v tier", c.lost.Load(), tier)
	}
	if tier == ward.TierDetectable && c.recovered.Load() > 0 {
		t.Errorf("%d statuses recovered on the %v tier", c.recovered.Load(), tier)
	}
	// Thieves in PID 1 take orphans, too.
	if n := c.lost.Load() + c.recovered.Load(); n > stolen.Load() || n < stolen.Load() && os.Getpid() != 1 {
		t.Errorf("%d thefts noticed of %d", n, stolen.Load())
	}
}

func TestIgnoredSIGCHLDIsAThief(t *testing.T) {
	childtest.NeedBackend(t)
	signal.Ignore(syscall.SIGCHLD)
	defer func() {
		// Reset alone would leave it ignored.
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGCHLD)
		signal.Stop(c)
	}()
	h, err := ending{code: 5}.start()
	if err != nil {
		t.Fatal(err)
	}
	state, err := h.Wait(context.Background())
	switch tier := childtest.Tier(); {
	case tier == ward.TierPrivate:
		if err != nil || state.ExitCode() != 5 || state.Recovered() {
			t.Errorf("Wait() = %v, %v; not private", state, err)
		}
	case tier == ward.TierRecoverable:
		if err != nil || state.ExitCode() != 5 || !state.Recovered() {
			t.Errorf("Wait() = %v, %v", state, err)
		}
		if state != nil && state.SysUsage() != nil {
			t.Error("a recovered state has resource usage")
		}
	case !errors.Is(err, ward.ErrStatusLost):
		t.Errorf("Wait() = %v, %v", state, err)
	}
	if err := h.Kill(); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("Kill after the exit: %v", err)
	}
}
