//go:build unix

package hostile_test

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/wait4"
	"github.com/wardproc/ward/test/hostile/internal/cwait"
)

func init() {
	selftest.RegisterSized("thieves", runBesideThieves)
	selftest.RegisterSized("ignored", runIgnored)
}

func TestThieves(t *testing.T) { inEachVariant(t, ward.Attr{}, "thieves", 400, 50_000) }

// TestIgnoredSIGCHLD has the kernel for a thief, which takes every child that is
// not private.
func TestIgnoredSIGCHLD(t *testing.T) { inEachVariant(t, ward.Attr{}, "ignored", 200, 20_000) }

func runIgnored(n int) {
	signal.Ignore(syscall.SIGCHLD)
	var c census
	c.run(n)
	fmt.Printf("%v tier: %v\n", childtest.Tier(), &c)
	c.check(n)
	if childtest.Tier() != ward.TierPrivate && c.recovered.Load()+c.lost.Load() != int64(n) {
		childtest.Complain("want all %d taken by the kernel", n)
	}
}

// A thief takes children of the program, whosever they are.
type thief struct {
	name  string
	rob   func(*thief, <-chan struct{}) // until it is told to stop and no child is left
	taken atomic.Int64
}

// runBesideThieves starts children, and beside them ordinary ones that are there
// for the thieves, until each of these has had one. What the thieves have had
// besides, the handles must know of, to the last child.
func runBesideThieves(n int) {
	var first census
	first.run(1) // what Start tries at first is for no thief
	thieves := []*thief{
		{name: "wait4(-1)", rob: robWith(func() (int, error) { return wait4.Try(-1, nil, nil) })},
		{name: groupWait, rob: robWith(waitForGroup)},
		{name: cwait.By, rob: robWith(cwait.Any)},
		{name: "SIGCHLD handler", rob: robOnSignal},
	}
	stop := make(chan struct{})
	var atWork, feeding sync.WaitGroup
	for _, f := range thieves {
		atWork.Go(func() { f.rob(f, stop) })
	}
	var c census
	var ran atomic.Bool
	baits := int64(0)
	feeding.Go(func() {
		for most := int64(50 * n); baits < most && !(ran.Load() && allFed(thieves)); baits++ {
			startBait()
		}
	})
	c.run(n)
	ran.Store(true)
	feeding.Wait()
	close(stop)
	atWork.Wait()

	taken := int64(0)
	fmt.Printf("%v tier: %v; %d baits;", childtest.Tier(), &c, baits)
	for _, f := range thieves {
		fmt.Printf(" %d by %s,", f.taken.Load(), f.name)
		taken += f.taken.Load()
	}
	fmt.Printf(" %d in all\n", taken)
	c.check(n)
	if !allFed(thieves) {
		childtest.Complain("a thief took nothing: this shows nothing")
	}
	if noticed := c.lost.Load() + c.recovered.Load(); taken != baits+noticed {
		childtest.Complain("%d thefts, of which %d were noticed", taken-baits, noticed)
	}
	if childtest.Tier() == ward.TierPrivate && taken != baits && !groupSeesPrivate {
		childtest.Complain("%d private children were taken", taken-baits)
	}
}

func allFed(thieves []*thief) bool {
	return !slices.ContainsFunc(thieves, func(f *thief) bool { return f.taken.Load() == 0 })
}

// startBait starts a child that nobody waits for.
func startBait() {
	path, argv, env := exiting(1)
	if _, _, err := syscall.StartProcess(path, argv, &syscall.ProcAttr{Env: env}); err != nil {
		childtest.Complain("start of a bait: %v", err)
	}
}

// robWith makes a thief of a wait for any child, in a loop that never rests.
func robWith(wait func() (int, error)) func(*thief, <-chan struct{}) {
	return func(f *thief, stop <-chan struct{}) {
		for {
			switch pid, err := wait(); {
			case err == nil && pid > 0:
				f.taken.Add(1)
			case err == syscall.ECHILD && isClosed(stop):
				return
			}
			runtime.Gosched()
		}
	}
}

// robOnSignal is what a program does that has a handler for SIGCHLD.
func robOnSignal(f *thief, stop <-chan struct{}) {
	raised := make(chan os.Signal, 1)
	signal.Notify(raised, syscall.SIGCHLD)
	defer signal.Stop(raised)
	for {
		select {
		case <-stop:
			return
		case <-raised:
		}
		for {
			if pid, err := wait4.Try(-1, nil, nil); err != nil || pid <= 0 {
				break
			}
			f.taken.Add(1)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
