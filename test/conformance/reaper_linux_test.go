package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"github.com/wardproc/ward/internal/wait4"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("subreaper", func(args []string) {
		if err := ward.SetSubreaper(true); err != nil {
			childtest.Complain("%v", err)
		}
		reapBesideOwners(args)
	})
	selftest.Register("PID 1", func(args []string) { reapBesideOwners(args) })
	selftest.Register("PID 1 with its own proc", func(args []string) {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			childtest.Complain("making the mounts private: %v", err)
		}
		if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			childtest.Complain("mounting /proc: %v", err)
		}
		reapBesideOwners(args)
	})
	selftest.Register("subreaper without pidfds", func(args []string) {
		childtest.NeedFilter(selftest.Refuse(syscall.ENOSYS, noPidfds...))
		if err := ward.SetSubreaper(true); err != nil {
			childtest.Complain("%v", err)
		}
		reapBesideOwners(args)
	})
	selftest.Register("litter", litter)
	selftest.Register("grace", func([]string) { giveGrace() })
	selftest.Register("leave one", func([]string) {
		fmt.Println(stranger(nil, []uintptr{0}, "stdin", "7"))
	})
	selftest.Register("owned grace", func([]string) { giveOwnedGrace() })
	selftest.Register("not a subreaper", func([]string) { toggleSubreaper() })
}

var noPidfds = []selftest.Call{
	{Number: unix.SYS_PIDFD_SEND_SIGNAL},
	{Number: unix.SYS_PIDFD_OPEN},
	{Number: unix.SYS_CLONE3},
	{Number: unix.SYS_WAITID, Arg: 1, Value: unix.P_PIDFD},
}

// crowd returns how many orphans there are, and as many own children.
func crowd() string {
	switch {
	case *selftest.Long && childtest.Chosen() != "":
		return "2000"
	case *selftest.Long:
		return "10000"
	case testing.Short():
		return "200" // of litters of 100, and of 8 owners
	}
	return "400"
}

func TestReaperOfSubreaperTakesOrphansOnly(t *testing.T) {
	childtest.NeedSubreaper(t)
	childtest.Report(t, nil, "subreaper", crowd())
}

func TestReaperWithoutPidfdsTakesOrphansOnly(t *testing.T) {
	if childtest.Private {
		t.Skip("no private children without pidfds")
	}
	childtest.NeedSubreaper(t)
	childtest.Report(t, nil, "subreaper without pidfds", crowd())
}

func TestReaperOfPID1TakesOrphansOnly(t *testing.T) {
	if childtest.Private {
		t.Skip("a private child cannot have a pid namespace of its own")
	}
	for helper, flags := range map[string]uintptr{
		"PID 1":                   unix.CLONE_NEWPID,
		"PID 1 with its own proc": unix.CLONE_NEWPID | unix.CLONE_NEWNS,
	} {
		t.Run(helper, func(t *testing.T) {
			if flags&unix.CLONE_NEWNS != 0 {
				selftest.NeedProc(t) // without one here, the kernel lets nobody mount one there
			}
			sys := syscall.SysProcAttr{Cloneflags: flags}
			childtest.NeedSys(t, sys)
			childtest.Report(t, &ward.Attr{Sys: &sys}, helper, crowd())
		})
	}
}

func TestReaperLeavesAZombieItsGrace(t *testing.T) { childtest.Report(t, nil, "grace") }

func TestReaperTakesOrphansThatOsFindProcessHasFound(t *testing.T) {
	childtest.NeedSubreaper(t)
	childtest.Report(t, nil, "owned grace")
}

func TestSetSubreaperCanBeTakenBack(t *testing.T) {
	childtest.NeedSubreaper(t)
	childtest.Report(t, nil, "not a subreaper")
}

// orphanCode is the exit code of the orphan i of a litter.
func orphanCode(i int) byte { return byte(1 + i%200) }

// litter leaves orphans behind: every other one runs for a millisecond yet.
func litter(args []string) {
	n := selftest.Number(args[0])
	brief, nap := args[1], args[2]
	for i := range n {
		path := brief
		if orphanCode(i) == 1 {
			path = nap // which exits with 0
		}
		if _, _, err := syscall.StartProcess(path, []string{path, string([]byte{orphanCode(i)})}, nil); err != nil {
			childtest.Complain("%v", err)
		}
	}
}

// reapBesideOwners has orphans and own children, of handles and of os/exec, at
// once, and checks that each comes to whom it belongs.
func reapBesideOwners(args []string) {
	n := selftest.Number(args[0])
	brief, err := childtest.Tiny(tinyprog.Exit(runtime.GOARCH))
	if err != nil {
		childtest.Complain("%v", err)
	}
	nap, err := childtest.Tiny(tinyprog.Nap(runtime.GOARCH))
	if err != nil {
		childtest.Complain("%v", err)
	}
	const perLitter = 100

	// What nobody waits for must not hide the others.
	late := exec.Command(brief, "\x05")
	if err := late.Start(); err != nil {
		childtest.Complain("%v", err)
	}
	var reported atomic.Int64
	codes := map[int]int{}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stopped := make(chan error)
	go func() {
		reaper := ward.Reaper{Report: func(pid int, state *ward.State) {
			if state.Pid() != pid || state.SysUsage() == nil {
				childtest.Complain("reported %v of %d as of %d", state, state.Pid(), pid)
			}
			codes[state.ExitCode()]++
			reported.Add(1)
		}}
		stopped <- reaper.Run(ctx)
	}()

	var owners sync.WaitGroup
	begin := func(run func(i int), n int) {
		owners.Go(func() {
			for i := range n {
				run(i)
			}
		})
	}
	for range 4 {
		begin(func(i int) { ofHandle(brief, byte(i)) }, n/8)
		begin(func(i int) { ofExec(brief, byte(i)) }, n/8)
	}
	begin(func(int) {
		path, argv, env := selftest.Command("litter", strconv.Itoa(perLitter), brief, nap)
		h, err := ward.Start(path, argv, &ward.Attr{Env: env, Files: []*os.File{nil, os.Stdout, os.Stderr}})
		if err != nil {
			childtest.Complain("%v", err)
		}
		if state, err := h.Wait(context.Background()); err != nil || !state.Success() {
			childtest.Complain("litter: %v, %v", state, err)
		}
	}, n/perLitter)
	owners.Wait()

	orphans := n
	abandoned := late.Process.WithHandle(func(uintptr) {}) != nil // it seems: see Grace
	if abandoned {
		orphans++
	}
	for deadline := time.Now().Add(time.Minute); reported.Load() < int64(orphans) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-stopped; err != context.Canceled {
		childtest.Complain("Run: %v", err)
	}
	want := map[int]int{}
	for i := range perLitter {
		code := int(orphanCode(i))
		if code == 1 {
			code = 0
		}
		want[code] += n / perLitter
	}
	if abandoned {
		want[5]++
	}
	if !maps.Equal(codes, want) {
		childtest.Complain("%d orphans reported, by exit code %v, want %d, %v",
			reported.Load(), codes, orphans, want)
	}
	if err := late.Wait(); !abandoned && late.ProcessState.ExitCode() != 5 {
		childtest.Complain("a child that was not waited for: %v", err)
	}
	if pid, err := syscall.Wait4(-1, nil, wait4.NoHang, nil); err != syscall.ECHILD {
		childtest.Complain("left: %d, %v", pid, err)
	}
	fmt.Printf("%d orphans reaped beside %d own children\n", n, n)
}

func ofHandle(path string, code byte) {
	h, err := childtest.StartProgram(path, []string{path, string([]byte{code | 1})}, nil)
	if err != nil {
		childtest.Complain("%v", err)
	}
	if state, err := h.Wait(context.Background()); err != nil || state.ExitCode() != int(code|1) || state.Recovered() {
		childtest.Complain("Wait() = %v, %v, want %d", state, err, code|1)
	}
}

func ofExec(path string, code byte) {
	cmd := exec.Command(path, string([]byte{code | 1}))
	err := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != int(code|1) {
		childtest.Complain("os/exec: %v, want %d", err, code|1)
	}
}

func giveGrace() {
	taken := make(chan int, 10)
	reap := func(grace time.Duration) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		over := make(chan struct{})
		go func() {
			defer close(over)
			r := ward.Reaper{Grace: grace, Report: func(pid int, _ *ward.State) { taken <- pid }}
			if err := r.Run(ctx); err != context.Canceled {
				childtest.Complain("Run: %v", err)
			}
		}()
		return func() {
			cancel()
			<-over
		}
	}
	stop := reap(time.Hour)
	mine := stranger(nil, nil, "exit", "4")
	time.Sleep(50 * time.Millisecond)
	var status syscall.WaitStatus
	if pid, err := syscall.Wait4(mine, &status, 0, nil); pid != mine || status.ExitStatus() != 4 {
		childtest.Complain("wait4 within the grace = %d, %v, %#x", pid, err, status)
	}
	stop()
	stop = reap(50 * time.Millisecond)
	defer stop()
	mine = stranger(nil, nil, "exit", "4")
	if pid := <-taken; pid != mine {
		childtest.Complain("took %d, want %d", pid, mine)
	}
}

// giveOwnedGrace has an orphan that the program knows by an os.Process, and children
// of its own.
func giveOwnedGrace() {
	if err := ward.SetSubreaper(true); err != nil {
		childtest.Complain("%v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	brief, err := childtest.Tiny(tinyprog.Exit(runtime.GOARCH))
	if err != nil {
		childtest.Complain("%v", err)
	}
	path, argv, env := selftest.Command("leave one")
	launch := &exec.Cmd{Path: path, Args: argv, Env: env, Stdin: r}
	said, err := launch.Output()
	if err != nil {
		childtest.Complain("launch: %v", err)
	}
	r.Close()
	orphan, err := os.FindProcess(selftest.Number(strings.TrimSpace(string(said))))
	if err != nil {
		childtest.Complain("%v", err)
	}
	w.Close() // ends it

	reports := make(chan *ward.State, 10)
	run := func(reaper ward.Reaper, most time.Duration) (got *ward.State) {
		reaper.Report = func(_ int, s *ward.State) { reports <- s }
		ctx, cancel := context.WithTimeout(context.Background(), most)
		defer cancel()
		over := make(chan struct{})
		go func() { reaper.Run(ctx); close(over) }()
		for range 5 {
			ofHandle(brief, 3)
		}
		select {
		case got = <-reports:
			cancel()
		case <-over:
		}
		<-over
		return got
	}
	if state := run(ward.Reaper{}, 500*time.Millisecond); state != nil {
		childtest.Complain("without OwnedGrace, %d was taken", state.Pid())
	}
	const grace = 300 * time.Millisecond
	begin := time.Now()
	state := run(ward.Reaper{Grace: grace, OwnedGrace: grace}, time.Minute)
	if state == nil || state.Pid() != orphan.Pid || state.ExitCode() != 7 {
		childtest.Complain("took %v, want %d with status 7", state, orphan.Pid)
	}
	if took := time.Since(begin); took < grace {
		childtest.Complain("taken after %v", took)
	}
	if err := orphan.Signal(syscall.Signal(0)); !errors.Is(err, os.ErrProcessDone) {
		childtest.Complain("signal 0 to an orphan that is gone: %v", err)
	}
}

func toggleSubreaper() {
	for _, on := range []bool{true, false} {
		if err := ward.SetSubreaper(on); err != nil {
			childtest.Complain("SetSubreaper(%v): %v", on, err)
		}
		var set int32
		if err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&set)), 0, 0, 0); err != nil || set != 0 != on {
			childtest.Complain("after SetSubreaper(%v): %d, %v", on, set, err)
		}
	}
}
