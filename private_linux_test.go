package ward_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("change", func(args []string) { changeAndCompare(args[0]) })
}

// needKeeper skips a test where there can be no keeper, who needs /proc to know what
// it has of the program's.
func needKeeper(t *testing.T) {
	t.Helper()
	childtest.NeedSpawnPrograms(t)
	selftest.NeedProc(t)
}

// withEachPrivacy runs a test for each way to have private children that the
// system offers. On one that has CLONE_AUTOREAP the keeper is the second.
func withEachPrivacy(t *testing.T, test func(t *testing.T)) {
	needKeeper(t)
	t.Run("as offered", test)
	t.Run("keeper", func(t *testing.T) {
		defer ward.Force("private=keeper")()
		test(t)
	})
}

// startHeldPrivate starts a private child that exits with the code once release
// is called.
func startHeldPrivate(t *testing.T, code int) (h ward.Handle, release func()) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	attr := &ward.Attr{Private: true, Files: []*os.File{r, nil, os.Stderr}}
	h = childtest.Start(t, attr, "stdin", strconv.Itoa(code))
	t.Cleanup(func() {
		w.Close()
		h.Kill()
		<-h.Done()
	})
	return h, func() { w.Close() }
}

// takeOrphans takes those that other tests have left to this program as PID 1.
func takeOrphans(t *testing.T, except int) {
	for os.Getpid() == 1 {
		pid, _ := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if pid == except {
			t.Errorf("wait4(-1) took child %d", pid)
		}
		if pid <= 0 {
			return
		}
	}
}

func TestNoWaitTakesAPrivateChild(t *testing.T) {
	withEachPrivacy(t, func(t *testing.T) {
		h, release := startHeldPrivate(t, 7)
		// With its exec, a child that the kernel reaps gets an exit signal again:
		// from then on a wait may find that it runs.
		mayBeFound := childtest.ParentOf(h.PID()) == os.Getpid()
		try := func(when string) {
			for name, wait := range map[string]func() (int, error){
				"wait4(-1)":   func() (int, error) { return unix.Wait4(-1, nil, unix.WNOHANG, nil) },
				"wait4(0)":    func() (int, error) { return unix.Wait4(0, nil, unix.WNOHANG, nil) },
				"wait4(pid)":  func() (int, error) { return unix.Wait4(h.PID(), nil, unix.WNOHANG, nil) },
				"waitid(all)": func() (int, error) { return 0, unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG, nil) },
				"waitid(pid)": func() (int, error) { return 0, unix.Waitid(unix.P_PID, h.PID(), nil, unix.WEXITED|unix.WNOHANG, nil) },
			} {
				takeOrphans(t, h.PID())
				pid, err := wait()
				if err != unix.ECHILD && !(mayBeFound && pid == 0 && err == nil) {
					t.Errorf("%s %s the exit: %d, %v; want ECHILD", name, when, pid, err)
				}
			}
		}
		try("before")
		release()
		<-h.Done()
		mayBeFound = false
		try("after")
		state := childtest.Wait(t, h)
		if state.ExitCode() != 7 || state.Recovered() {
			t.Errorf("state %v, recovered: %v", state, state.Recovered())
		}
	})
}

func TestKeeperTellsTheResourceUsage(t *testing.T) {
	needKeeper(t)
	defer ward.Force("private=keeper")()
	h, release := startHeldPrivate(t, 0)
	release()
	state := childtest.Wait(t, h)
	usage := state.SysUsage()
	// gVisor counts the time in ticks of 10 ms.
	if usage == nil || state.UserTime()+state.SystemTime() <= 0 && usage.(*syscall.Rusage).Maxrss == 0 {
		t.Errorf("usage %v, user %v, system %v", state.SysUsage(), state.UserTime(), state.SystemTime())
	}
}

func TestPrivateChildFailsToStartLikeAnyOther(t *testing.T) {
	withEachPrivacy(t, func(t *testing.T) {
		_, want := ward.Start("/nowhere", nil, nil)
		if _, err := ward.Start("/nowhere", nil, &ward.Attr{Private: true}); fmt.Sprint(err) != fmt.Sprint(want) {
			t.Errorf("Start: %v, want %v", err, want)
		}
		sys := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUTS}
		_, err := childtest.TryStart(&ward.Attr{Private: true, Sys: sys}, "exit", "0")
		var typed *ward.Error
		if !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &typed) || typed.Op != "start" {
			t.Errorf("Start with Cloneflags: %v", err)
		}
	})
}

func TestPrivateIsRefusedWhereItCannotBe(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	for _, settings := range []string{"spawn=std", "backend=fallback"} {
		restore := ward.Force(settings)
		h, err := childtest.TryStart(&ward.Attr{Private: true}, "exit", "0")
		restore()
		if !errors.Is(err, errors.ErrUnsupported) || h != nil || !strings.Contains(err.Error(), "Private") {
			t.Errorf("Start with WARDDEBUG=%s: %v, %v", settings, h, err)
		}
	}
}

func TestKeeperGoesWithItsLastChild(t *testing.T) {
	needKeeper(t)
	defer ward.Force("private=keeper")()
	one, releaseOne := startHeldPrivate(t, 0)
	two, releaseTwo := startHeldPrivate(t, 0)
	keeper := childtest.ParentOf(one.PID())
	if keeper == os.Getpid() || keeper != childtest.ParentOf(two.PID()) {
		t.Fatalf("parents %d and %d, and this program is %d",
			keeper, childtest.ParentOf(two.PID()), os.Getpid())
	}
	releaseOne()
	childtest.Wait(t, one)
	time.Sleep(200 * time.Millisecond) // longer than it lingers
	if err := syscall.Kill(keeper, 0); err != nil {
		t.Errorf("the keeper of a live child: %v", err)
	}
	releaseTwo()
	childtest.Wait(t, two)
	childtest.WaitGone(t, keeper, "the keeper without children")
}

func TestChildrenOutliveTheirKeeper(t *testing.T) {
	needKeeper(t)
	defer ward.Force("private=keeper")()
	h, release := startHeldPrivate(t, 9)
	keeper := childtest.ParentOf(h.PID())
	if err := syscall.Kill(keeper, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	childtest.WaitGone(t, keeper, "the killed keeper")
	if _, err := h.TryWait(); err != ward.ErrRunning {
		t.Fatalf("TryWait of a child without keeper: %v", err)
	}
	next, _ := startHeldPrivate(t, 0)
	if again := childtest.ParentOf(next.PID()); again == keeper || again == os.Getpid() {
		t.Errorf("the next child's parent is %d, the first keeper was %d", again, keeper)
	}
	release()
	state, err := h.Wait(context.Background())
	switch {
	case err == nil && state.ExitCode() == 9:
	case errors.Is(err, ward.ErrStatusLost) && ward.Capabilities().Tier == ward.TierDetectable:
	default:
		t.Errorf("Wait of a child without keeper: %v, %v", state, err)
	}
	if err := h.Kill(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Kill after the exit: %v", err)
	}
}

func TestStoppedKeeperGoesOn(t *testing.T) {
	needKeeper(t)
	defer ward.Force("private=keeper")()
	h, release := startHeldPrivate(t, 3)
	keeper := childtest.ParentOf(h.PID())
	stop := func() {
		if err := syscall.Kill(keeper, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	release()
	if state := childtest.Wait(t, h); state.ExitCode() != 3 {
		t.Error(state)
	}
	stop() // and then it ends
	childtest.WaitGone(t, keeper, "the keeper without children")
}

func TestWait4TakesNoKeeper(t *testing.T) {
	needKeeper(t)
	defer ward.Force("private=keeper")()
	h, release := startHeldPrivate(t, 0)
	keeper := childtest.ParentOf(h.PID())
	if err := syscall.Kill(keeper, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := unix.Waitid(unix.P_PID, keeper, nil, unix.WEXITED|unix.WNOWAIT|unix.WALL, nil); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{keeper, -1} {
		if got, err := ward.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil); got == keeper {
			t.Errorf("Wait4(%d) = %d, %v, the keeper", pid, got, err)
		}
	}
	release()
	<-h.Done()
}

func TestPrivateChildHasWhatTheProgramHasByNow(t *testing.T) {
	needKeeper(t)
	changes := []string{"directory", "limit", "signals", "group", "filter"}
	// Else one that has a filter looks the same with another one.
	if text, _ := os.ReadFile("/proc/self/status"); strings.Contains(string(text), "\nSeccomp_filters:") {
		changes = append(changes, "another filter")
	}
	if selftest.MayBecome(childtest.Nobody) == nil {
		changes = append(changes, "ids", "ids of a thread")
	}
	if _, err := droppable(); err == nil {
		changes = append(changes, "bounding set of a thread")
	}
	for _, change := range changes {
		t.Run(change, func(t *testing.T) {
			attr := &ward.Attr{Env: []string{"WARDDEBUG=private=keeper"}}
			childtest.Report(t, attr, "change", change)
		})
	}
}

// droppable returns a capability that the bounding set has, or why none can be taken
// out of it.
func droppable() (capability int, err error) {
	var caps [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return 0, os.NewSyscallError("capget", err)
	}
	if caps[0].Effective&(1<<unix.CAP_SETPCAP) == 0 {
		return 0, errors.New("no CAP_SETPCAP")
	}
	for capability := range unix.CAP_LAST_CAP {
		if in, _ := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(capability), 0, 0, 0); in == 1 {
			return capability, nil
		}
	}
	return 0, errors.New("the bounding set is empty")
}

// changeAndCompare changes the program while its keeper has a child, and then
// compares a new child of the keeper with an ordinary one.
func changeAndCompare(change string) {
	runtime.LockOSThread()
	must := func(err error) {
		if err != nil {
			childtest.Complain("%s: %v", change, err)
		}
	}
	path, err := childtest.Tiny(tinyprog.Pause(runtime.GOARCH))
	must(err)
	addFilter := func() { // to all threads, and concerns nobody
		must(selftest.Refuse(syscall.EXDEV, selftest.Call{Number: unix.SYS_ACCT}))
	}
	if change == "another filter" {
		addFilter()
	}
	r, w, err := os.Pipe()
	must(err)
	first, err := childtest.TryStart(&ward.Attr{Private: true, Files: []*os.File{r}}, "stdin", "0")
	must(err)
	defer func() { w.Close(); <-first.Done() }() // to kill it may not be allowed
	keeper := childtest.ParentOf(first.PID())

	switch change {
	case "directory":
		must(os.Chdir("/proc"))
		unix.Umask(0o77)
	case "limit":
		must(unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}))
	case "signals":
		signal.Ignore(syscall.SIGHUP, syscall.SIGCHLD, syscall.SIGUSR1)
		var block unix.Sigset_t
		block.Val[0] = 1 << (unix.SIGUSR2 - 1)
		must(unix.PthreadSigmask(unix.SIG_BLOCK, &block, nil))
	case "group":
		must(unix.Setpgid(0, 0))
	case "filter", "another filter":
		addFilter()
	case "ids":
		must(syscall.Setgroups([]int{7, 8}))
		must(syscall.Setgid(65534))
		must(syscall.Setuid(65534))
		must(unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)) // or /proc/self is root's
		p, err := os.StartProcess(path, []string{"pause"}, new(os.ProcAttr))
		if errors.Is(err, fs.ErrPermission) {
			fmt.Println("nobody but root may execute what another process has open:", err)
			return
		}
		must(err)
		p.Kill()
		p.Wait()
	case "ids of a thread":
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			childtest.Complain("setresuid: %v", errno)
		}
	case "bounding set of a thread":
		capability, err := droppable()
		must(err)
		must(unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0))
	}
	if strings.HasSuffix(change, "of a thread") {
		if _, err := ward.Start(path, []string{"pause"}, &ward.Attr{Private: true}); !errors.Is(err, errors.ErrUnsupported) {
			childtest.Complain("Start with %s: %v", change, err)
		}
		return
	}

	private, err := ward.Start(path, []string{"pause"}, &ward.Attr{Private: true})
	must(err)
	defer func() { private.Kill(); <-private.Done() }()
	plain, err := ward.Start(path, []string{"pause"}, nil)
	must(err)
	defer func() { plain.Kill(); <-plain.Done() }()
	want, got := report(plain.PID()), report(private.PID())
	same := childtest.ParentOf(private.PID()) == keeper
	if kept := []string{"directory", "signals"}; same != slices.Contains(kept, change) {
		childtest.Complain("the same keeper after a change: %v", same)
	}
	delete(want, "PPid")
	delete(got, "PPid")
	if lines := differ(want, got, 0, false); len(lines) > 0 {
		childtest.Complain("%s", strings.Join(lines, "\n"))
	}
}
