package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	selftest.Register("lose keepers", func(args []string) { useWhileKeepersDie(size(args)) })
}

// TestHandlesOfKeepersThatAreKilled does to handles, all at once, what can be
// done to them, while somebody kills the parents of their processes.
func TestHandlesOfKeepersThatAreKilled(t *testing.T) {
	childtest.NeedBackend(t)
	if h, err := childtest.TryStart(&ward.Attr{Private: true}, "exit", "0"); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err == nil {
		<-h.Done()
	}
	n := 400
	if *selftest.Long {
		n = 20_000
	}
	for _, setting := range []string{"private=keeper", "private=keeper,recover=off"} {
		t.Run(setting, func(t *testing.T) {
			env := []string{"WARDDEBUG=" + setting, childtest.PrivateVariable + "=on"}
			childtest.Report(t, &ward.Attr{Env: env}, "lose keepers", strconv.Itoa(n))
		})
	}
}

// useWhileKeepersDie has starters put children into a set, from which as many
// others take them; meanwhile they are asked for their state, and half of them
// are killed. This program takes its orphans itself, so no status is lost.
func useWhileKeepersDie(n int) {
	if err := ward.SetSubreaper(true); err != nil {
		childtest.Complain("%v", err)
	}
	exiting(1) // opens its program
	left := selftest.Watch()
	var recent suspects
	var set ward.Set
	var next, added, refused, right, killed atomic.Int64
	stop := make(chan struct{})
	var starters, takers, others sync.WaitGroup
	for range 8 {
		starters.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				s, err := startSuspect(byte(i%255 + 1))
				if err != nil {
					var typed *ward.Error
					if !errors.As(err, &typed) {
						childtest.Complain("Start: %T %v", err, err)
					}
					refused.Add(1) // as each of its keepers was killed
					continue
				}
				recent.put(int(i), s)
				set.Add(s)
				added.Add(1)
			}
		})
	}
	others.Go(func() {
		for !isClosed(stop) {
			recent.any().kill()
		}
	})
	others.Go(func() {
		for !isClosed(stop) {
			if _, err := recent.any().TryWait(); err != nil && err != ward.ErrRunning && !errors.Is(err, ward.ErrStatusLost) {
				childtest.Complain("TryWait: %v", err)
			}
		}
	})
	others.Go(func() {
		for !isClosed(stop) {
			time.Sleep(rand.N(5 * time.Millisecond))
			s := recent.any()
			if keeper := childtest.ParentOf(s.PID()); keeper > 1 && keeper != os.Getpid() && childtest.ParentOf(keeper) == os.Getpid() {
				syscall.Kill(keeper, syscall.SIGKILL)
				killed.Add(1)
			}
		}
	})
	for range 4 {
		takers.Go(func() {
			for {
				last := isClosed(stop)
				h, err := set.Next(context.Background())
				switch {
				case err == nil:
					if err := h.(*suspect).check(); err != nil {
						childtest.Complain("%v", err)
					}
					right.Add(1)
				case !errors.Is(err, ward.ErrEmpty):
					childtest.Complain("Next: %v", err)
				case last:
					return
				}
				runtime.Gosched()
			}
		})
	}
	starters.Wait()
	close(stop)
	takers.Wait()
	others.Wait()
	fmt.Printf("%d keepers killed; %d children right, each once; %d not started\n",
		killed.Load(), right.Load(), refused.Load())
	if right.Load() != added.Load() || killed.Load() == 0 || right.Load() == 0 {
		childtest.Complain("want %d children, and keepers killed", added.Load())
	}
	if err := left(); err != nil {
		childtest.Complain("left behind: %v", err)
	}
}
