package ward_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("change cgroup", func(args []string) { changeCgroup(args[0], args[1]) })
	selftest.Register("change", func(args []string) { changeAndCompare(args[0], args[1]) })
}

// needParent skips a test where a child can have no parent of its own.
func needParent(t *testing.T) {
	t.Helper()
	childtest.NeedSpawnPrograms(t)
	if selftest.LacksProc() { // which before Linux 6.11 has to tell whose pid namespace it is
		childtest.NeedAttr(t, &ward.Attr{Private: true})
	}
}

// needParentsNumber skips a test of a parent whose number nothing tells, too.
func needParentsNumber(t *testing.T) {
	t.Helper()
	selftest.NeedProc(t)
	needParent(t)
}

// withEachPrivacy runs a test for each way to have private children that the
// system offers. On one that has CLONE_AUTOREAP a parent is the second.
func withEachPrivacy(t *testing.T, test func(t *testing.T)) {
	needParent(t)
	t.Run("as offered", test)
	t.Run("parent", func(t *testing.T) {
		defer ward.Force("private=parent")()
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
		mayBeFound := selftest.LacksProc() || childtest.ParentOf(h.PID()) == os.Getpid()
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

func TestParentTellsTheResourceUsage(t *testing.T) {
	needParent(t)
	defer ward.Force("private=parent")()
	h, release := startHeldPrivate(t, 0)
	release()
	state := childtest.Wait(t, h)
	if state.SysUsage() == nil || state.UserTime()+state.SystemTime() <= 0 {
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

func TestParentGoesWithItsChild(t *testing.T) {
	needParentsNumber(t)
	defer ward.Force("private=parent")()
	one, releaseOne := startHeldPrivate(t, 0)
	two, releaseTwo := startHeldPrivate(t, 0)
	parent, other := childtest.ParentOf(one.PID()), childtest.ParentOf(two.PID())
	if parent == os.Getpid() || parent == other {
		t.Fatalf("parents %d and %d, and this program is %d", parent, other, os.Getpid())
	}
	releaseOne()
	childtest.Wait(t, one)
	if err := syscall.Kill(parent, 0); err != syscall.ESRCH {
		t.Errorf("the parent of a child that is gone: %v", err)
	}
	if err := syscall.Kill(other, 0); err != nil {
		t.Errorf("the parent of a live child: %v", err)
	}
	releaseTwo()
	childtest.Wait(t, two)
}

func TestChildrenOutliveTheirParent(t *testing.T) {
	needParentsNumber(t)
	defer ward.Force("private=parent")()
	h, release := startHeldPrivate(t, 9)
	parent := childtest.ParentOf(h.PID())
	if err := syscall.Kill(parent, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	childtest.WaitGone(t, parent, "the killed parent")
	if _, err := h.TryWait(); err != ward.ErrRunning {
		t.Fatalf("TryWait of a child without parent: %v", err)
	}
	release()
	state, err := h.Wait(context.Background())
	switch {
	case err == nil && state.ExitCode() == 9:
	case errors.Is(err, ward.ErrStatusLost) && ward.Capabilities().Tier == ward.TierDetectable:
	default:
		t.Errorf("Wait of a child without parent: %v, %v", state, err)
	}
	if err := h.Kill(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Kill after the exit: %v", err)
	}
}

func TestStoppedParentDelaysTheResult(t *testing.T) {
	needParentsNumber(t)
	defer ward.Force("private=parent")()
	h, release := startHeldPrivate(t, 3)
	parent := childtest.ParentOf(h.PID())
	if err := syscall.Kill(parent, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	release()
	h.WithHandle(func(fd uintptr) {
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
	})
	if state, err := h.TryWait(); err != ward.ErrRunning {
		t.Errorf("TryWait = %v, %v", state, err)
	}
	if err := syscall.Kill(parent, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if state := childtest.Wait(t, h); state.ExitCode() != 3 {
		t.Error(state)
	}
}

func TestWait4TakesNoParent(t *testing.T) {
	needParentsNumber(t)
	defer ward.Force("private=parent")()
	h, release := startHeldPrivate(t, 0)
	parent := childtest.ParentOf(h.PID())
	if err := syscall.Kill(parent, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for syscall.Kill(parent, 0) == nil {
		for _, pid := range []int{parent, -1} {
			if got, err := ward.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil); got == parent {
				t.Errorf("Wait4(%d) = %d, %v, the parent", pid, got, err)
			}
		}
	}
	release()
	<-h.Done()
}

func TestPrivateChildHasWhatTheProgramHasByNow(t *testing.T) {
	needParentsNumber(t)
	changes := []string{
		"directory", "limit", "signals", "group", "priority of a thread",
		"no new privileges", "filter",
	}
	if set, _ := affinity(); set.Count() > 1 {
		changes = append(changes, "affinity of a thread")
	}
	if _, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0); err == nil {
		changes = append(changes, "timer slack of a thread")
	}
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
			attr := &ward.Attr{Env: []string{"WARDDEBUG=private=parent"}}
			childtest.Report(t, attr, "change", change, openProgram(t, tinyprog.Pause(runtime.GOARCH)))
		})
	}
}

// openProgram returns a program that every user may execute.
func openProgram(t *testing.T, image []byte) (path string) {
	t.Helper()
	path = filepath.Join(childtest.OpenFolder(t), "program")
	if err := os.WriteFile(path, image, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
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

// affinity returns the processors that the calling thread may run on, and one of them.
func affinity() (set unix.CPUSet, one int) {
	unix.SchedGetaffinity(0, &set)
	for set.Count() > 0 && !set.IsSet(one) {
		one++
	}
	return set, one
}

// A program that has moved leaves nobody behind but its children from before.
func TestCgroupThatTheProgramHasLeftCanBeRemoved(t *testing.T) {
	needParent(t)
	attr := &ward.Attr{Env: []string{"WARDDEBUG=private=parent"}}
	text := childtest.Report(t, attr, "change cgroup", newCgroup(t), newCgroup(t))
	if strings.HasPrefix(text, "no right") {
		t.Skip(text)
	}
}

func changeCgroup(from, to string) {
	must := func(err error) {
		if err != nil {
			childtest.Complain("%v", err)
		}
	}
	var held []ward.Handle
	var release []*os.File
	for _, dir := range []string{from, to} {
		err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0)
		if errors.Is(err, os.ErrPermission) {
			fmt.Println("no right to move:", err)
			return
		}
		must(err)
		r, w, err := os.Pipe()
		must(err)
		h, err := childtest.TryStart(&ward.Attr{Private: true, Files: []*os.File{r}}, "stdin", "0")
		must(err)
		for _, pid := range []int{h.PID(), childtest.ParentOf(h.PID())} {
			if got := report(pid)["cgroup"]; !strings.Contains(got, "/"+filepath.Base(dir)+"\n") {
				childtest.Complain("process %d is in cgroup %q, want %s", pid, got, dir)
			}
		}
		held, release = append(held, h), append(release, w)
	}
	release[0].Close()
	<-held[0].Done()
	must(os.Remove(from))
	release[1].Close()
	<-held[1].Done()
}

// changeAndCompare changes the program while it has a private child, and then compares
// a new one with an ordinary one.
func changeAndCompare(change, path string) {
	runtime.LockOSThread()
	must := func(err error) {
		if err != nil {
			childtest.Complain("%s: %v", change, err)
		}
	}
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

	switch change {
	case "directory":
		must(os.Chdir("/proc"))
		unix.Umask(0o77)
	case "limit":
		must(unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}))
	case "priority of a thread":
		must(unix.Setpriority(unix.PRIO_PROCESS, 0, 7))
	case "timer slack of a thread":
		must(unix.Prctl(unix.PR_SET_TIMERSLACK, 1e6, 0, 0, 0))
	case "affinity of a thread":
		set, one := affinity()
		set.Clear(one)
		must(unix.SchedSetaffinity(0, &set))
	case "no new privileges":
		must(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
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
	case "ids of a thread":
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			childtest.Complain("setresuid: %v", errno)
		}
	case "bounding set of a thread":
		capability, err := droppable()
		must(err)
		must(unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(capability), 0, 0, 0))
	}
	private, err := ward.Start(path, []string{"pause"}, &ward.Attr{Private: true})
	must(err)
	defer func() { private.Kill(); <-private.Done() }()
	plain, err := ward.Start(path, []string{"pause"}, nil)
	must(err)
	defer func() { plain.Kill(); <-plain.Done() }()
	want, got := report(plain.PID()), report(private.PID())
	delete(want, "PPid")
	delete(got, "PPid")
	if lines := differ(want, got, 0, false); len(lines) > 0 {
		childtest.Complain("%s", strings.Join(lines, "\n"))
	}
}
