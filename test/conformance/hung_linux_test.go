package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
)

func init() {
	selftest.Register("start hung programs", func(args []string) {
		n, _ := strconv.Atoi(args[1])
		startHungPrograms(args[0], n, args[2], args[3:])
	})
	selftest.Register("change ids beside hung starts", func(args []string) { changeIDsBesideHungStarts(args[0], args[1]) })
}

// hungKinds are those that go different ways.
var hungKinds = []string{"plain", "inherits", "KillOnParentExit", "Credential", "brief", "a kind of each"}

func attrOfKind(kind string, i int) *ward.Attr {
	switch kind {
	case "inherits":
		return &ward.Attr{InheritDescriptors: true}
	case "KillOnParentExit":
		return &ward.Attr{KillOnParentExit: true}
	case "Credential":
		return &ward.Attr{Sys: ownCredential()}
	case "brief":
		return &ward.Attr{Brief: true}
	case "a kind of each":
		return attrOfKind(hungKinds[i%(len(hungKinds)-1)], i)
	}
	return new(ward.Attr)
}

func TestHungStartsTakeFewThreads(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedSpawnPrograms(t)
	n := 60
	switch {
	case *selftest.Long && childtest.Chosen() == "":
		n = 400
	case testing.Short():
		n = 30
	}
	for _, kind := range hungKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			quick := writeProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
			args := []string{kind, strconv.Itoa(n), quick}
			var programs []slowProgram
			for range n/perProgram + 1 {
				p := writeSlowProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
				programs = append(programs, p)
				args = append(args, p.path)
			}
			out, said := childtest.Pipe(t)
			in, release := childtest.Pipe(t)
			h := childtest.Start(t, &ward.Attr{Files: []*os.File{in, said, os.Stderr}},
				"start hung programs", args...)
			said.Close()
			if line := childtest.ReadLine(t, out); line != "they hang" {
				t.Errorf("the program says %q", line)
			}
			for _, p := range programs {
				p.release()
			}
			release.Close()
			if state := childtest.Wait(t, h); !state.Success() {
				t.Error(state)
			}
		})
	}
}

// perProgram is how many starts wait for one lease: the kernel compares each with all.
const perProgram = 25

// startHungPrograms starts n of the other programs, and says when they all hang. They
// end when the standard input does.
func startHungPrograms(kind string, n int, quick string, programs []string) {
	var starts sync.WaitGroup
	for i := range n {
		starts.Go(func() {
			if err := run(programs[i/perProgram], attrOfKind(kind, i)); err != nil {
				childtest.Complain("a hung start: %v", err)
			}
		})
	}
	awaitDescendants(n)
	for i := range 20 {
		started := make(chan error, 1)
		go func() { started <- run(quick, attrOfKind(kind, i)) }()
		select {
		case err := <-started:
			if err != nil {
				childtest.Complain("beside hung starts: %v", err)
			}
		case <-time.After(20 * time.Second):
			childtest.Complain("hung starts hold up another one")
		}
	}
	runtime.GC() // stops the world
	threads := countThreads()
	most := runtime.GOMAXPROCS(0) + 10 + 2 // which read in /proc for this test
	if threads > most {
		childtest.Complain("%d hung starts take %d threads", n, threads)
	}
	fmt.Println("they hang")
	io.Copy(io.Discard, os.Stdin)
	starts.Wait()
}

func countThreads() int {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		childtest.Complain("counting threads: %v", err)
	}
	return len(threads)
}

func awaitDescendants(n int) {
	for begin := time.Now(); descendants() < n; time.Sleep(time.Since(begin) / 10) {
		if time.Since(begin) > 30*time.Second {
			childtest.Complain("%d of %d starts are under way", descendants(), n)
		}
	}
}

// descendants counts the processes below this one: in between there may be others.
func descendants() int {
	children := make(map[int][]int)
	entries, err := os.ReadDir("/proc")
	if err != nil {
		childtest.Complain("%v", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, _ := os.ReadFile("/proc/" + e.Name() + "/stat")
		_, rest, _ := bytes.Cut(stat, []byte(") "))
		if fields := bytes.Fields(rest); len(fields) > 1 {
			parent, _ := strconv.Atoi(string(fields[1]))
			children[parent] = append(children[parent], pid)
		}
	}
	var below func(pid int) int
	below = func(pid int) (n int) {
		for _, child := range children[pid] {
			n += 1 + below(child)
		}
		return n
	}
	return below(os.Getpid())
}

// One hung start has the parent thread, which others may need, too.
func TestOneHungStartHoldsUpNoOtherKind(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	hung := writeSlowProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
	quick := writeProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
	first := make(chan error, 1)
	go func() { first <- run(hung.path, &ward.Attr{KillOnParentExit: true}) }()
	hung.awaitExec(t)
	others := make(chan error, 1)
	go func() {
		for _, attr := range []*ward.Attr{{Private: true}, {KillOnParentExit: true}, {Private: true, KillOnParentExit: true}} {
			if err := run(quick, attr); err != nil && !errors.Is(err, errors.ErrUnsupported) {
				others <- err
			}
		}
		close(others)
	}()
	select {
	case err := <-others:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("a hung start holds up another one")
	}
	hung.release()
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// Other starts do not keep a change of ids from the hung ones.
func TestChangeOfIDsWaitsForHungExecs(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	needRoot(t)
	for _, kind := range hungKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			changeIDsDuringStarts(t, "change ids beside hung starts", kind)
		})
	}
}

// changeIDsBesideHungStarts changes its user when its many starts have been taken over.
func changeIDsBesideHungStarts(kind, program string) {
	const n = 30
	var starts sync.WaitGroup
	for i := range n {
		starts.Go(func() { run(program, attrOfKind(kind, i)) })
	}
	awaitDescendants(n)
	time.Sleep(100 * time.Millisecond) // for the last ones, too, to be taken over
	io.Copy(io.Discard, os.Stdin)
	changeIDs()
	starts.Wait()
}
