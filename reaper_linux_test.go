package ward_test

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/procfs"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("reap beside a hung start", func(args []string) {
		settle(args[0])
		reapBesideHungStart(args[0])
	})
	selftest.Register("wait beside a hung start", func(args []string) {
		settle(args[0])
		waitBesideHungStart()
	})
}

// settle makes a helper one of a kind.
func settle(kind string) {
	switch kind {
	case "fallback":
		ward.Force("backend=fallback")
	case "no pidfds":
		childtest.NeedFilter(selftest.Refuse(syscall.ENOSYS,
			selftest.Call{Number: unix.SYS_PIDFD_SEND_SIGNAL},
			selftest.Call{Number: unix.SYS_PIDFD_OPEN},
			selftest.Call{Number: unix.SYS_CLONE3},
			selftest.Call{Number: unix.SYS_WAITID, Arg: 1, Value: unix.P_PIDFD}))
	}
}

func TestHungStartHoldsUpNoReaper(t *testing.T) {
	for _, kind := range []string{"pidfd", "owned", "fallback", "no pidfds"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			childtest.Report(t, nil, "reap beside a hung start", kind)
		})
	}
}

func TestHungStartHoldsUpWait4OnceForAll(t *testing.T) {
	for _, kind := range []string{"pidfd", "fallback", "no pidfds"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			childtest.Report(t, nil, "wait beside a hung start", kind)
		})
	}
}

// litterOfStart starts children that exit at once, and of which each may be that of a
// start under way.
func litterOfStart(kind string, n int) (pids []int) {
	start := stranger
	if kind == "owned" {
		start = func(_ *syscall.SysProcAttr, files []uintptr, helper string, args ...string) int {
			return ofStart(files, helper, args...)
		}
	}
	for range n {
		pids = append(pids, start(nil, nil, "exit", "3"))
	}
	for _, pid := range pids {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			childtest.Complain("waitid: %v", err)
		}
	}
	return pids
}

// reapBesideHungStart has orphans of which each may be a start's, unless pidfds tell.
func reapBesideHungStart(kind string) {
	mayBeStarts := kind != "pidfd"
	for range 3 {
		ward.BeginStart()
	}
	finish, _ := ward.BeginStart()
	finishSoon, _ := ward.BeginStart()
	pids := litterOfStart(kind, 5)
	prompt := pids[0]
	taken := make(chan int, 100)
	report := func(pid int, _ *ward.State) { taken <- pid }
	const grace = time.Millisecond
	reaper := ward.Reaper{Grace: grace, OwnedGrace: grace, Report: report}
	begin := time.Now()
	go reaper.Run(context.Background())
	if mayBeStarts {
		time.Sleep(300 * time.Millisecond)
		finishSoon(prompt)
		pids = pids[1:]
	}
	await := func(pids []int, most time.Duration) {
		for range pids {
			select {
			case <-taken:
			case <-time.After(most + 5*time.Second):
				childtest.Complain("an orphan is not taken beside a start that hangs")
			}
		}
		if took := time.Since(begin); took > most {
			childtest.Complain("%d orphans were taken after %v", len(pids), took)
		}
	}
	most := 15 * time.Second
	if selftest.LacksProc() { // a round tries all numbers, and rests for five seconds
		most *= 3
	}
	await(pids, most)

	begin = time.Now()
	var later []int
	for range 5 { // in different rounds
		later = append(later, litterOfStart(kind, 1)...)
		time.Sleep(250 * time.Millisecond)
	}
	await(later, most)

	if mayBeStarts {
		h := finish(later[4]) // more than a second late
		if state, err := h.Wait(context.Background()); err != nil || state.ExitCode() != 3 {
			childtest.Complain("Wait() of a late start = %v, %v", state, err)
		}
	}
	if len(taken) > 0 { // also that of finishSoon
		childtest.Complain("%d more were taken", len(taken))
	}
}

func waitBesideHungStart() {
	ward.BeginStart()
	var pids []int
	for range 5 { // with a pidfd each, as os/exec has
		pids = append(pids, ofStart(nil, "exit", "3"))
	}
	for _, pid := range pids {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
			childtest.Complain("waitid: %v", err)
		}
	}
	begin := time.Now()
	for range pids {
		// Other starts go on.
		_, fail := ward.BeginStart()
		time.AfterFunc(time.Millisecond, fail)
		if _, err := ward.Wait4(-1, nil, 0, nil); err != nil {
			childtest.Complain("Wait4: %v", err)
		}
	}
	if took := time.Since(begin); took > 15*time.Second {
		childtest.Complain("Wait4 took %d children in %v", len(pids), took)
	}
}

// A Reaper and a Wait4 look at each number: without the lists of /proc at four millions.
func TestChildrenAreFoundWithoutTryingAllNumbers(t *testing.T) {
	selftest.NeedProc(t)
	h := childtest.StartHeld(t)
	seen, found := 0, false
	for pid := range procfs.Children() {
		seen++
		found = found || pid == h.PID()
	}
	if !found && childtest.ParentOf(h.PID()) == os.Getpid() {
		t.Errorf("the child %d is not among %d numbers", h.PID(), seen)
	}
	if seen > 1<<15 {
		t.Errorf("%d numbers", seen)
	}
}

// However many children exit, and live: a Reaper's rounds take a bounded share.
func TestReaperRestsTwentyTimesAsLongAsItWorks(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var rounds int
	var busy time.Duration
	over := make(chan struct{})
	begin := time.Now()
	go func() {
		defer close(over)
		rounds, busy = ward.RunCounted(ctx, new(ward.Reaper))
	}()
	for range 20 {
		childtest.StartHeld(t)
	}
	for i := range 100 {
		h := childtest.Start(t, nil, "exit", strconv.Itoa(i))
		if state := childtest.Wait(t, h); state.ExitCode() != i {
			t.Errorf("child %d: %v", i, state)
		}
	}
	cancel()
	<-over
	all := time.Since(begin)
	t.Logf("%d rounds for 100 exits, %v of %v", rounds, busy, all)
	if rounds == 0 || 20*busy > all {
		t.Errorf("%d rounds took %v of %v", rounds, busy, all)
	}
}
