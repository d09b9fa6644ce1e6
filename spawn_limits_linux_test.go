package ward_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("lower limit", func([]string) { lowerLimit() })
	selftest.Register("original limit", func([]string) { compareLimits() })
	selftest.Register("refused", refused)
	selftest.Register("orphaning", func(args []string) { startAndWaitToBeKilled(args[0]) })
	selftest.Register("death signal", func([]string) {
		time.Sleep(100 * time.Millisecond)
		fmt.Println(deathSignal)
		time.Sleep(time.Minute)
	})
}

// deathSignal is this program's own: prctl(2), PR_GET_PDEATHSIG. Its main thread
// has it, and that is where the runtime initialises packages.
var deathSignal = func() (signal int32) {
	syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&signal)), 0)
	return signal
}()

const lowLimit = 500

func TestChildGetsTheLimitFromBeforeTheRuntimeRaisedIt(t *testing.T) {
	needFast(t)
	if text := childtest.Report(t, nil, "lower limit"); !strings.Contains(text, fmt.Sprintln(len(ways), "equal")) {
		t.Error("nothing was compared")
	}
}

// lowerLimit starts a program with a soft limit that the Go runtime raises.
func lowerLimit() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		childtest.Complain("%v", err)
	}
	limit.Cur = lowLimit
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		childtest.Complain("%v", err)
	}
	h, err := childtest.TryStart(&ward.Attr{Files: []*os.File{nil, os.Stdout, os.Stderr}}, "original limit")
	if err != nil {
		childtest.Complain("%v", err)
	}
	if state, err := h.Wait(context.Background()); err != nil || !state.Success() {
		childtest.Complain("%v, %v", state, err)
	}
}

func compareLimits() {
	countSIGCHLD()
	path, err := childtest.Tiny(tinyprog.Pause(runtime.GOARCH))
	if err != nil {
		childtest.Complain("%v", err)
	}
	for _, want := range []uint64{lowLimit, lowLimit + 50} {
		for _, way := range ways {
			pid, end, err := way.start(spec{path, []string{"pause"}, ward.Attr{}})
			if err != nil {
				childtest.Complain("%s: %v", way.name, err)
			}
			var limit unix.Rlimit
			if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
				childtest.Complain("%v", err)
			}
			end()
			if limit.Cur != want {
				childtest.Complain("%s: RLIMIT_NOFILE %+v, want %d", way.name, limit, want)
			}
		}
		fmt.Println(len(ways), "equal")
		// What the program sets itself is inherited.
		var limit syscall.Rlimit
		syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
		limit.Cur = lowLimit + 50
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			childtest.Complain("%v", err)
		}
	}
}

// countSIGCHLD complains if the first start raises more than the child's own.
func countSIGCHLD() {
	raised := make(chan os.Signal, 10)
	signal.Notify(raised, syscall.SIGCHLD)
	defer signal.Stop(raised)
	h, err := childtest.TryStart(nil, "exit", "0")
	if err != nil {
		childtest.Complain("%v", err)
	}
	<-h.Done()
	time.Sleep(100 * time.Millisecond)
	if n := len(raised); n != 1 {
		childtest.Complain("%d SIGCHLD for the first child", n)
	}
}

// TestRefusedCallsLeaveAWayToStart has a seccomp filter refuse each call that
// the spawn path lives on.
func TestRefusedCallsLeaveAWayToStart(t *testing.T) {
	needFast(t)
	for _, errno := range []syscall.Errno{unix.ENOSYS, unix.EPERM} {
		for name, c := range map[string]struct {
			number uintptr
			spawn  string
		}{
			"clone3":       {unix.SYS_CLONE3, "std"},
			"close_range":  {unix.SYS_CLOSE_RANGE, "std"},
			"pidfd_getfd":  {unix.SYS_PIDFD_GETFD, "fast"},
			"memfd_create": {unix.SYS_MEMFD_CREATE, ""},
		} {
			t.Run(fmt.Sprintf("%s %v", name, errno), func(t *testing.T) {
				childtest.Report(t, nil, "refused", fmt.Sprint(c.number), fmt.Sprint(int(errno)), c.spawn)
			})
		}
	}
}

// TestCallsThatKillAreFoundOutFirst has a filter that kills: a child that is
// not the user's must find out. Before Linux 5.16 the core dump of one process
// ended all that shared its memory.
func TestCallsThatKillAreFoundOutFirst(t *testing.T) {
	needFast(t)
	if selftest.KernelBefore(5, 16) {
		t.Skip("before Linux 5.16 a killed child takes all with it that share its memory")
	}
	for name, c := range map[string]struct {
		number uintptr
		spawn  string
	}{
		"close_range": {unix.SYS_CLOSE_RANGE, "std"},
		"pidfd_getfd": {unix.SYS_PIDFD_GETFD, "fast"},
	} {
		t.Run(name, func(t *testing.T) {
			childtest.Report(t, nil, "refused", fmt.Sprint(c.number), "kill", c.spawn)
		})
	}
}

func refused(args []string) {
	// A C library may need clone3 for a thread, in the child as well.
	childtest.IdleThreads(16)
	path, err := childtest.Tiny(tinyprog.Hold(runtime.GOARCH))
	if err != nil {
		childtest.Complain("%v", err)
	}
	number, _ := strconv.Atoi(args[0])
	call := selftest.Call{Number: uintptr(number)}
	if errno, e := strconv.Atoi(args[1]); e == nil {
		err = selftest.Refuse(syscall.Errno(errno), call)
	} else {
		err = selftest.Forbid(call)
	}
	if err != nil {
		childtest.Complain("%v", err)
	}
	for range 3 {
		startWithHighFile(path)
	}
	if caps := ward.Capabilities(); args[2] != "" && caps.Spawn != args[2] {
		childtest.Complain("%v", caps)
	}
}

// startWithHighFile starts a child that reads a file with a high number.
func startWithHighFile(path string) {
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	fd, err := unix.FcntlInt(r.Fd(), unix.F_DUPFD_CLOEXEC, 300)
	if err != nil {
		childtest.Complain("%v", err)
	}
	r.Close()
	high := os.NewFile(uintptr(fd), "high")
	defer high.Close()
	h, err := ward.Start(path, []string{path}, &ward.Attr{Files: []*os.File{high}})
	if err != nil {
		childtest.Complain("%v\n%v", err, ward.Capabilities())
	}
	if _, err := h.TryWait(); err != ward.ErrRunning {
		childtest.Complain("the child did not get its file: %v", err)
	}
	w.Close()
	if state, err := h.Wait(context.Background()); err != nil || !state.Success() {
		childtest.Complain("%v, %v", state, err)
	}
}

func TestDeathSignalIsForTheProgramAndNotForAThread(t *testing.T) {
	for _, words := range []string{"Pdeathsig", "KillOnParentExit", "Private KillOnParentExit"} {
		t.Run(words, func(t *testing.T) { orphan(t, words) })
	}
}

func orphan(t *testing.T, words string) {
	if strings.Contains(words, "Private") {
		needFast(t)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := childtest.Start(t, &ward.Attr{Files: []*os.File{nil, w, os.Stderr}}, "orphaning", words)
	w.Close()
	line := make([]byte, 16)
	n, err := r.Read(line) // from the grandchild, long after its starter's thread
	if err != nil || strings.TrimSpace(string(line[:n])) != strconv.Itoa(int(syscall.SIGKILL)) {
		t.Errorf("death signal %q, %v", line[:n], err)
	}
	h.Kill()
	childtest.Wait(t, h)
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := r.Read(line); err != io.EOF {
		t.Errorf("the grandchild lives on: %v", err)
	}
}

// startAndWaitToBeKilled starts a child from a thread that ends at once.
func startAndWaitToBeKilled(words string) {
	onMortalThread(func() {
		attr := &ward.Attr{
			Files:            []*os.File{nil, os.Stdout, os.Stderr},
			Private:          strings.Contains(words, "Private"),
			KillOnParentExit: strings.Contains(words, "KillOnParentExit"),
		}
		if words == "Pdeathsig" {
			attr.Sys = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		}
		_, err := childtest.TryStart(attr, "death signal")
		if err != nil {
			childtest.Complain("%v", err)
		}
	})
	os.Stdout.Close()
	time.Sleep(time.Minute)
}

func TestKillOnParentExitRefusesAnotherDeathSignal(t *testing.T) {
	for sig, want := range map[syscall.Signal]error{0: nil, syscall.SIGKILL: nil, syscall.SIGTERM: errors.ErrUnsupported} {
		sys := &syscall.SysProcAttr{Pdeathsig: sig}
		h, err := childtest.TryStart(&ward.Attr{KillOnParentExit: true, Sys: sys}, "exit", "0")
		if err == nil {
			childtest.Wait(t, h)
		}
		if !errors.Is(err, want) {
			t.Errorf("Start with Pdeathsig %v: %v", sig, err)
		}
		if sys.Pdeathsig != sig {
			t.Errorf("Start has changed Pdeathsig %v to %v", sig, sys.Pdeathsig)
		}
	}
}

// onMortalThread runs f on a thread that ends with it. The main thread does not.
func onMortalThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock it
		if unix.Gettid() != unix.Getpid() {
			f()
			return
		}
		defer runtime.UnlockOSThread()
		onMortalThread(f)
	}()
	<-done
}

func TestChildIsPutIntoItsCgroup(t *testing.T) {
	needFast(t)
	const root = "/sys/fs/cgroup"
	dir, err := os.MkdirTemp(root, "ward-test-")
	if err != nil {
		t.Skipf("no right to make a cgroup: %v", err)
	}
	defer os.Remove(dir)
	group, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
		t.Skipf("no cgroup2 in %s: %v", root, err)
	}
	s := newStage(t)
	for _, way := range ways {
		attr := ward.Attr{Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}}
		pid, end, err := way.start(spec{s.program, []string{"pause"}, attr})
		if err != nil {
			t.Errorf("%s: %v", way.name, err)
			continue
		}
		if got := strings.TrimSpace(report(pid)["cgroup"]); !strings.HasSuffix(got, "/"+filepath.Base(dir)) {
			t.Errorf("%s: child in cgroup %q, want %s", way.name, got, dir)
		}
		end()
	}
}

func TestCallerOwnsThePidfdItAskedFor(t *testing.T) {
	pidfd := -1
	h := childtest.Start(t, &ward.Attr{Sys: &syscall.SysProcAttr{PidFD: &pidfd}}, "exit", "0")
	childtest.Wait(t, h)
	defer unix.Close(pidfd)
	poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 10_000); n != 1 || err != nil || poll[0].Revents&unix.POLLIN == 0 {
		t.Errorf("poll of descriptor %d: %d, %v, events %#x", pidfd, n, err, poll[0].Revents)
	}
}

func TestFirstChildInANewPidNamespaceGetsItsHighFile(t *testing.T) {
	needFast(t)
	s := newStage(t)
	high := s.files[len(s.files)-1]
	if fd, err := unix.FcntlInt(high.Fd(), unix.F_DUPFD_CLOEXEC, 500); err == nil {
		high = os.NewFile(uintptr(fd), "high")
		defer high.Close()
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and leave it so: the thread is not fit for others
		if err := unix.Unshare(unix.CLONE_NEWPID); err != nil {
			result <- err
			return
		}
		pid, end, err := startWard(spec{s.program, []string{"pause"}, ward.Attr{Files: []*os.File{high}}}, "")
		if err == nil {
			if report(pid)["fd 0"] == "" {
				t.Error("the child has no file")
			}
			end()
		} else {
			t.Error(err)
		}
		result <- nil
	}()
	if err := <-result; err != nil {
		t.Skipf("no right to a pid namespace: %v", err)
	}
}
