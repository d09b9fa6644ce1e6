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
	"golang.org/x/sys/unix"
)

func init() {
	selftest.RegisterSized("lose keepers", useWhileKeepersDie)
	selftest.RegisterSized("kill keepers", killKeepers)
}

// TestHandlesOfKeepersThatAreKilled does to handles, all at once, what can be
// done to them, while somebody kills the parents of their processes.
func TestHandlesOfKeepersThatAreKilled(t *testing.T) {
	underKeepers(t, "lose keepers", 400, 20_000)
}

func TestKeepersKilledInMidFlight(t *testing.T) {
	underKeepers(t, "kill keepers", 200, 5000)
}

// underKeepers runs a helper whose children are a keeper's, with and without a
// status that can be read back. Its argument is a size, of which there are two.
func underKeepers(t *testing.T, helper string, some, long int) {
	t.Helper()
	childtest.NeedSpawnPrograms(t)
	childtest.NeedAttr(t, &ward.Attr{Private: true})
	if *selftest.Long {
		some = long
	}
	for _, setting := range []string{"private=parent", "private=parent,recover=off"} {
		t.Run(setting, func(t *testing.T) {
			env := []string{"WARDDEBUG=" + setting, childtest.PrivateVariable + "=on"}
			childtest.Report(t, &ward.Attr{Env: env}, helper, strconv.Itoa(some))
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
			if killKeeperOf(recent.any()) {
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

// killKeeperOf reports whether the parent of h's process is a child of this
// program, and kills it then.
func killKeeperOf(h ward.Handle) bool {
	keeper := childtest.ParentOf(h.PID())
	if keeper <= 1 || keeper == os.Getpid() || childtest.ParentOf(keeper) != os.Getpid() {
		return false
	}
	syscall.Kill(keeper, syscall.SIGKILL)
	return true
}

// killKeepers has a killer after the keepers while children start and end. As
// this program takes its orphans itself, no status is lost.
func killKeepers(n int) {
	if err := ward.SetSubreaper(true); err != nil {
		childtest.Complain("%v", err)
	}
	stop := make(chan struct{})
	var killer, starters sync.WaitGroup
	killed := 0
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			h, err := childtest.TryStart(&ward.Attr{Private: true}, "exit", "0")
			if err != nil {
				continue
			}
			if killKeeperOf(h) {
				killed++
			}
		}
	})
	var mu sync.Mutex
	ended := map[string]int{}
	for range 8 {
		starters.Go(func() {
			for i := range n / 8 {
				outcome := privateOutcome(i % 256)
				mu.Lock()
				ended[outcome]++
				mu.Unlock()
			}
		})
	}
	starters.Wait()
	close(stop)
	killer.Wait()
	fmt.Printf("%d keepers killed; %v\n", killed, ended)
	if killed == 0 {
		childtest.Complain("this shows nothing")
	}
	delete(ended, "right")
	delete(ended, "not started")
	if len(ended) > 0 {
		childtest.Complain("not all are right or typed errors")
	}
	// The last keeper lingers, and each ends in its own time.
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		const options = unix.WEXITED | unix.WNOHANG | unix.WNOWAIT | unix.WALL
		if err = unix.Waitid(unix.P_ALL, 0, nil, options, nil); err == unix.ECHILD {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	childtest.Complain("left behind: a child, %v", err)
}

// privateOutcome starts a private child and says what became of it, after another
// one that cannot be executed.
func privateOutcome(code int) string {
	_, err := ward.Start("/nowhere", nil, &ward.Attr{Private: true})
	var typed *ward.Error // as each of its keepers was killed
	if !errors.Is(err, syscall.ENOENT) && !errors.As(err, &typed) {
		return fmt.Sprintf("Start of nothing: %v", err)
	}
	h, err := childtest.TryStart(&ward.Attr{Private: true}, "exit", strconv.Itoa(code))
	if err != nil {
		var typed *ward.Error
		if errors.As(err, &typed) {
			return "not started"
		}
		return err.Error()
	}
	state, err := h.Wait(context.Background())
	switch {
	case errors.Is(err, ward.ErrStatusLost):
		return "lost"
	case err != nil:
		return err.Error()
	case state.ExitCode() != code:
		return fmt.Sprintf("wrong: %v, not %d", state, code)
	}
	return "right"
}
