package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
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
	selftest.RegisterSized("lose parents", useWhileParentsDie)
	selftest.RegisterSized("kill parents", killParents)
}

// TestHandlesWhoseParentsAreKilled does to handles, all at once, what can be
// done to them, while somebody kills the parents of their processes.
func TestHandlesWhoseParentsAreKilled(t *testing.T) {
	underParents(t, "lose parents", 400, 20_000)
}

func TestParentsKilledInMidFlight(t *testing.T) {
	underParents(t, "kill parents", 200, 5000)
}

// underParents runs a helper whose children have parents of their own, with and without a
// status that can be read back. Its argument is a size, of which there are two.
func underParents(t *testing.T, helper string, some, long int) {
	t.Helper()
	selftest.NeedProc(t) // which tells a parent's number
	childtest.NeedSpawnPrograms(t)
	childtest.NeedAttr(t, &ward.Attr{Private: true})
	switch {
	case *selftest.Long:
		some = long
	case testing.Short():
		some /= 2
	}
	settings := []string{"private=parent"}
	if f, _ := childtest.Feature(ward.Capabilities(), "PIDFD_INFO_EXIT"); f.OK {
		settings = append(settings, "private=parent,recover=off")
	}
	for _, setting := range settings {
		t.Run(setting, func(t *testing.T) {
			env := []string{"WARDDEBUG=" + setting, childtest.PrivateVariable + "=on"}
			childtest.Report(t, &ward.Attr{Env: env}, helper, strconv.Itoa(some))
		})
	}
}

// useWhileParentsDie has starters put children into a set, from which as many
// others take them; meanwhile they are asked for their state, and half of them
// are killed. This program takes its orphans itself, so no status is lost.
func useWhileParentsDie(n int) {
	if err := ward.SetSubreaper(true); err != nil {
		childtest.Complain("%v", err)
	}
	exiting(1)          // opens its program
	ward.Capabilities() // a trial must not be killed
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
					refused.Add(1) // as its parent was killed
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
			if killAParent() {
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
	fmt.Printf("%d parents killed; %d children right, each once; %d not started\n",
		killed.Load(), right.Load(), refused.Load())
	if right.Load() != added.Load() || killed.Load() == 0 || right.Load() == 0 {
		childtest.Complain("want %d children, and parents killed", added.Load())
	}
	if err := left(); err != nil {
		childtest.Complain("left behind: %v", err)
	}
}

// killAParent kills a parent of a private child, if there is one, at any moment of its
// life. Only __WALL sees it, unlike an orphan that has come here.
func killAParent() bool {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	var pids []string
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		pids = append(pids, strings.Fields(string(text))...)
	}
	rand.Shuffle(len(pids), func(i, j int) { pids[i], pids[j] = pids[j], pids[i] })
	for _, text := range pids {
		pid, _ := strconv.Atoi(text)
		const options = unix.WEXITED | unix.WNOHANG | unix.WNOWAIT
		if unix.Waitid(unix.P_PID, pid, nil, options, nil) == unix.ECHILD &&
			unix.Waitid(unix.P_PID, pid, nil, options|unix.WALL, nil) == nil {
			return syscall.Kill(pid, syscall.SIGKILL) == nil
		}
	}
	return false
}

// killParents has a killer after the parents while children start and end. As
// this program takes its orphans itself, no status is lost.
func killParents(n int) {
	if err := ward.SetSubreaper(true); err != nil {
		childtest.Complain("%v", err)
	}
	ward.Capabilities() // a trial must not be killed
	stop := make(chan struct{})
	var killer, starters sync.WaitGroup
	killed := 0
	killer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(rand.N(5 * time.Millisecond)):
			}
			if killAParent() {
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
	fmt.Printf("%d parents killed; %v\n", killed, ended)
	if killed == 0 {
		childtest.Complain("this shows nothing")
	}
	delete(ended, "right")
	delete(ended, "not started")
	if len(ended) > 0 {
		childtest.Complain("not all are right or typed errors")
	}
	// The kernel ends each in its own time.
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
	var typed *ward.Error // as its parent was killed
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
