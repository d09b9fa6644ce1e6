//go:build unix

package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/signal"
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
	"github.com/wardproc/ward/internal/wait4"
)

func init() {
	selftest.Register("hello", func(args []string) { fmt.Print("hello ", args[0]) })
	selftest.Register("wait for all", func([]string) { waitForAll() })
	selftest.Register("wait for handle", func([]string) { waitForHandle() })
	selftest.Register("loop", func(args []string) {
		rounds := selftest.Number(args[1])
		runBesideLoop(args[0], rounds)
	})
}

// These run in a process of their own, which has no other children.

func TestWait4WaitsForWhatWait4WaitsFor(t *testing.T) {
	childtest.NeedBackend(t)
	childtest.Report(t, &ward.Attr{Sys: &syscall.SysProcAttr{Setpgid: true}}, "wait for all")
}

func TestWait4LeavesChildrenToTheirHandles(t *testing.T) {
	childtest.Report(t, nil, "wait for handle")
}

// TestLoopOverWait4 is the program of Ruby's Feature #19322: a loop over
// wait4(-1) and, elsewhere, code that starts a command and wants its output and
// its status.
func TestLoopOverWait4(t *testing.T) {
	rounds := 100
	switch {
	case *selftest.Long && childtest.Chosen() != "":
		rounds = 2000
	case *selftest.Long:
		rounds = 10_000
	case testing.Short():
		rounds = 15
	}
	for _, loop := range []string{"ward on SIGCHLD", "ward blocking", "raw on SIGCHLD"} {
		t.Run(loop, func(t *testing.T) {
			childtest.Report(t, nil, "loop", loop, strconv.Itoa(rounds))
		})
	}
}

// stranger starts a helper that belongs to no handle.
func stranger(sys *syscall.SysProcAttr, files []uintptr, helper string, args ...string) int {
	path, argv, env := selftest.Command(helper, args...)
	pid, _, err := syscall.StartProcess(path, argv, &syscall.ProcAttr{Env: env, Files: files, Sys: sys})
	if err != nil {
		childtest.Complain("%v", err)
	}
	return pid
}

func waitForAll() {
	for _, c := range []struct{ pid, options int }{
		{-1, 0},
		{-1, wait4.NoHang},
		{-1, 1 << 20},
		{-1, 4}, // WEXITED belongs to waitid
		{0, 0},
		{math.MinInt32, 0},
		{math.MaxInt32, 0},
		{-math.MaxInt32, 0},
		{os.Getpid(), 0},
	} {
		_, want := syscall.Wait4(c.pid, nil, c.options, nil)
		if pid, err := ward.Wait4(c.pid, nil, c.options, nil); err != want || pid > 0 {
			childtest.Complain("Wait4(%d, %#x) = %d, %v, want %v", c.pid, c.options, pid, err, want)
		}
	}
	own := &syscall.SysProcAttr{Setpgid: true}
	for name, c := range map[string]struct {
		sys *syscall.SysProcAttr
		arg func(pid int) int
	}{
		"any":       {nil, func(int) int { return -1 }},
		"own group": {nil, func(int) int { return 0 }},
		"group":     {own, func(pid int) int { return -pid }},
		"number":    {own, func(pid int) int { return pid }},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			childtest.Complain("%v", err)
		}
		other := stranger(&syscall.SysProcAttr{Setpgid: true}, []uintptr{r.Fd()}, "stdin", "0")
		if name == "own group" {
			other = 0
		}
		pid := stranger(c.sys, nil, "exit", "7")
		var status syscall.WaitStatus
		var usage syscall.Rusage
		got, err := ward.Wait4(c.arg(pid), &status, 0, &usage)
		if got != pid || err != nil || status.ExitStatus() != 7 || usage.Utime.Nano()+usage.Stime.Nano()+int64(usage.Maxrss) == 0 {
			childtest.Complain("%s: Wait4 = %d, %v, status %#x, usage %v; want %d",
				name, got, err, status, usage, pid)
		}
		if got, err := ward.Wait4(c.arg(pid), nil, wait4.NoHang, nil); name != "any" && err != syscall.ECHILD {
			childtest.Complain("%s: Wait4 again = %d, %v", name, got, err)
		}
		if got, err := ward.Wait4(-1, nil, wait4.NoHang, nil); got != 0 || err != nil {
			childtest.Complain("%s: Wait4 beside a child that runs = %d, %v", name, got, err)
		}
		w.Close()
		if got, err := ward.Wait4(-1, nil, 0, nil); err != nil || other != 0 && got != other {
			childtest.Complain("%s: Wait4 = %d, %v, want %d", name, got, err, other)
		}
		r.Close()
	}
}

func waitForHandle() {
	path, argv, env := selftest.Command("stdin", "3")
	for _, arg := range []func(pid int) int{
		func(int) int { return -1 },
		func(int) int { return 0 },
		func(pid int) int { return pid },
	} {
		r, w, err := os.Pipe()
		if err != nil {
			childtest.Complain("%v", err)
		}
		h, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env, Files: []*os.File{r}})
		if err != nil {
			childtest.Complain("%v", err)
		}
		pid := arg(h.PID())
		seen := !childtest.Private && (ward.Capabilities().Tier != ward.TierPrivate || pid != -1)
		if got, err := ward.Wait4(pid, nil, wait4.NoHang, nil); got > 0 || seen && err != nil {
			childtest.Complain("Wait4(%d) while the handle's child runs: %d, %v", pid, got, err)
		}
		time.AfterFunc(20*time.Millisecond, func() { w.Close() })
		if got, err := ward.Wait4(pid, nil, 0, nil); err != syscall.ECHILD {
			childtest.Complain("Wait4(%d) = %d, %v", pid, got, err)
		}
		state, err := h.Wait(context.Background())
		if err != nil || state.ExitCode() != 3 || state.Recovered() || state.SysUsage() == nil && !childtest.Private {
			childtest.Complain("Wait4(%d), then Wait() = %v, %v", pid, state, err)
		}
		r.Close()
	}
}

// taken counts what a loop got. A number may come again.
type taken struct {
	mu    sync.Mutex
	exits map[exit]int
}

type exit struct {
	pid    int
	status syscall.WaitStatus
}

func (c *taken) add(pid int, status syscall.WaitStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exits[exit{pid, status}]++
}

// remove takes one out, as soon as it is there.
func (c *taken) remove(e exit) bool {
	for range 10_000 {
		c.mu.Lock()
		n := c.exits[e]
		c.exits[e] = n - 1
		if n <= 1 {
			delete(c.exits, e)
		}
		c.mu.Unlock()
		if n > 0 {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func runBesideLoop(kind string, rounds int) {
	ward.Capabilities() // tries things with children that a Wait4 by number returns
	got := taken{exits: map[exit]int{}}
	stop := make(chan struct{})
	var loop sync.WaitGroup
	switch kind {
	case "ward on SIGCHLD":
		loop.Go(func() { waitOnSignal(ward.Wait4, &got, stop) })
	case "ward blocking":
		loop.Go(func() { waitBlocking(&got, stop) })
	case "raw on SIGCHLD":
		loop.Go(func() { waitOnSignal(syscall.Wait4, &got, stop) })
	}

	holds := ward.Capabilities().Backend == "pidfd" && !strings.Contains(os.Getenv(selftest.RefuseVariable), "pidfd_open")
	var strangers []exit
	var c counts
	var commands sync.WaitGroup
	var next atomic.Int64
	for range 4 {
		commands.Go(func() {
			for i := next.Add(1); i <= int64(rounds); i = next.Add(1) {
				c.hello(int(i))
				if holds { // see Wait4 on a Start that fails
					if _, err := ward.Start("/no such program", []string{""}, nil); !errors.Is(err, fs.ErrNotExist) {
						childtest.Complain("%v", err)
					}
				}
			}
		})
	}
	for i := range rounds / 20 {
		code := i % 256
		pid := stranger(nil, nil, "exit", strconv.Itoa(code))
		strangers = append(strangers, exit{pid, syscall.WaitStatus(code << 8)})
		time.Sleep(time.Millisecond)
	}
	commands.Wait()
	for _, e := range strangers {
		if !got.remove(e) {
			childtest.Complain("the loop did not get %d with %#x", e.pid, e.status)
		}
	}
	close(stop)
	loop.Wait()
	fmt.Printf("%d right, of which %d recovered; %d lost, %d wrong; the loop took %d strangers and %d others\n",
		c.right.Load(), c.recovered.Load(), c.lost.Load(), c.wrong.Load(), len(strangers), len(got.exits))
	raw := kind == "raw on SIGCHLD"
	lossy := raw && (ward.Capabilities().Tier == ward.TierDetectable || ward.Capabilities().Backend == "kqueue")
	switch {
	case c.right.Load()+c.lost.Load() != int64(rounds) || c.lost.Load() > 0 && !lossy:
		childtest.Complain("want %d right", rounds)
	case !raw && (len(got.exits) > 0 || c.recovered.Load() > 0):
		childtest.Complain("the loop took children of handles")
	}
}

// hello is one round: a command's output and its status.
func (c *counts) hello(i int) {
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	path, argv, env := selftest.Command("hello", strconv.Itoa(i))
	h, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env, Files: []*os.File{nil, w}})
	if err != nil {
		childtest.Complain("%v", err)
	}
	w.Close()
	text, err := io.ReadAll(r)
	r.Close()
	if want := "hello " + strconv.Itoa(i); string(text) != want || err != nil {
		childtest.Complain("output %q, %v, want %q", text, err, want)
	}
	switch state, err := h.Wait(context.Background()); {
	case errors.Is(err, ward.ErrStatusLost):
		c.lost.Add(1)
	case err != nil || !state.Success() || state.Pid() != h.PID():
		c.wrong.Add(1)
	default:
		c.right.Add(1)
		if state.Recovered() {
			c.recovered.Add(1)
		}
	}
}

type wait4Func func(int, *syscall.WaitStatus, int, *syscall.Rusage) (int, error)

// waitOnSignal is the loop of a program that must have one.
func waitOnSignal(wait wait4Func, got *taken, stop <-chan struct{}) {
	exits := make(chan os.Signal, 1)
	signal.Notify(exits, syscall.SIGCHLD)
	defer signal.Stop(exits)
	for {
		select {
		case <-exits:
		case <-stop:
			return
		}
		for {
			var status syscall.WaitStatus
			pid, err := wait(-1, &status, wait4.NoHang, nil)
			if pid <= 0 || err != nil {
				break
			}
			got.add(pid, status)
		}
	}
}

// waitBlocking waits without a signal while there are children.
func waitBlocking(got *taken, stop <-chan struct{}) {
	for {
		var status syscall.WaitStatus
		pid, err := ward.Wait4(-1, &status, 0, nil)
		switch {
		case err == nil:
			got.add(pid, status)
		case err == syscall.ECHILD:
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		case err != syscall.EINTR:
			childtest.Complain("Wait4: %v", err)
		}
	}
}
