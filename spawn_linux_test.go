package ward_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
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
	selftest.Register("lower limit", func(args []string) { lowerLimit(args[0]) })
	selftest.Register("original limit", func([]string) {
		countSIGCHLD()
		compareLimits(ways)
	})
}

var ways = []way{
	{name: "os.StartProcess", start: startOS},
	{name: "spawn=std", start: forced("spawn=std")},
	{name: "spawn=fast", start: forced(""), closes: true},
	{name: "private", start: startPrivate(""), private: true, closes: true},
	{name: "private=parent", start: startPrivate("private=parent"), private: true, closes: true},
	{name: "inherit", start: inheriting(forced("")), inherits: true},
	{name: "private, inherit", start: inheriting(startPrivate("")), private: true, inherits: true},
	{
		name: "private=parent, inherit", start: inheriting(startPrivate("private=parent")),
		private: true, inherits: true,
	},
}

func startPrivate(settings string) func(spec) (int, func(), error) {
	return func(c spec) (int, func(), error) {
		c.attr.Private = true
		return startWard(c, settings)
	}
}

// What TestSpawnProgramDoesWhatTheStandardLibraryDoes has of the system: how many
// children, how many descriptors they open themselves, and what they are.
const (
	someSpecs, manySpecs = 300, 5000
	ownDescriptors       = 0
)

func reporterImage(*testing.T) []byte { return tinyprog.Pause(runtime.GOARCH) }

// reporter is a child that pauses, so that the kernel can be asked about it.
func (s *stage) reporter() spec { return spec{name: s.program, argv: []string{"pause"}} }

// report starts c and returns what the kernel says of it.
func (c spec) report(w way) (map[string]string, error) {
	pid, end, err := w.start(c)
	if err != nil {
		return nil, err
	}
	defer end()
	return report(pid), nil
}

// suitRoot has nothing to do: the child needs no file in its root directory.
func (s *stage) suitRoot(*spec) {}

// beDumpable undoes what the standard library's start with Credential has done to the
// program, see selftest.MayBecome: root without CAP_SYS_PTRACE is not shown all of it in
// /proc then.
func beDumpable() { unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }

// setOfSystem sets what only Linux's spawn programs cover.
func setOfSystem(sys *syscall.SysProcAttr) {
	if oneIn(5) {
		sys.Pdeathsig = syscall.SIGKILL
	}
}

// openTerminal returns both ends of one, of which the last is a terminal that the
// child can have, or nothing.
func openTerminal() (ends []*os.File) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	ends = append(ends, os.NewFile(uintptr(fd), "ptmx"))
	unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return ends
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return ends
	}
	return append(ends, tty)
}

// blockUSR2 blocks a signal on this thread, until restore.
func blockUSR2(t *testing.T) (restore func()) {
	var block, before unix.Sigset_t
	block.Val[0] = 1 << (unix.SIGUSR2 - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &block, &before); err != nil {
		t.Fatal(err)
	}
	return func() { unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil) }
}

// report is what the system says of a process that has got to its pause. When
// Start returns, the kernel has still some of the exec to do.
func report(pid int) map[string]string {
	dir := fmt.Sprintf("/proc/%d/", pid)
	for {
		stat, err := os.ReadFile(dir + "stat")
		_, rest, _ := strings.Cut(string(stat), ") ")
		if cmdline, _ := os.ReadFile(dir + "cmdline"); err != nil || len(cmdline) > 0 && rest[0] == 'S' {
			break
		}
	}
	r := make(map[string]string)
	for _, name := range []string{"cmdline", "environ", "cgroup", "timerslack_ns"} {
		text, _ := os.ReadFile(dir + name)
		r[name] = string(text)
	}
	for _, name := range []string{"cwd", "root", "exe", "ns/net", "ns/mnt"} {
		r[name], _ = os.Readlink(dir + name)
	}
	fds, _ := os.ReadDir(dir + "fd")
	for _, fd := range fds {
		target, _ := os.Readlink(dir + "fd/" + fd.Name())
		info, _ := os.ReadFile(dir + "fdinfo/" + fd.Name())
		_, flags, _ := strings.Cut(string(info), "flags:")
		flags, _, _ = strings.Cut(flags, "\n")
		r["fd "+fd.Name()] = target + strings.TrimSpace(flags)
	}
	status, _ := os.ReadFile(dir + "status")
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "Umask", "PPid", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapEff", "CapPrm", "NoNewPrivs", "Cpus_allowed":
			r[key] = strings.TrimSpace(value)
		}
	}
	limits, _ := os.ReadFile(dir + "limits")
	r["limits"] = string(limits)
	stat, _ := os.ReadFile(dir + "stat")
	_, rest, _ := strings.Cut(string(stat), ") ")
	if f := strings.Fields(rest); len(f) > 16 {
		// Its own pid as the id of its group or session is as good as another's.
		own := func(id string) string {
			if id == fmt.Sprint(pid) {
				return "own"
			}
			return id
		}
		r["pgrp"], r["session"], r["tty"] = own(f[2]), own(f[3]), f[4]
		r["nice"] = f[16]
	}
	return r
}

func TestChildTakesNamespacesFromTheCallersThread(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedSpawnPrograms(t)
	s := newStage(t)
	unshared := make(chan error)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and leave it so: the thread is not fit for others
		err := unix.Unshare(unix.CLONE_NEWNET)
		unshared <- err
		if err != nil {
			return
		}
		want, err := os.Readlink("/proc/thread-self/ns/net")
		if err != nil {
			t.Error(err)
			return
		}
		for _, w := range ways {
			pid, end, err := w.start(s.reporter())
			if err != nil {
				t.Errorf("%s: %v", w.name, err)
				continue
			}
			if got := report(pid)["ns/net"]; got != want {
				t.Errorf("%s: child in %s, want %s", w.name, got, want)
			}
			end()
		}
	}()
	if err := <-unshared; err != nil {
		t.Skipf("no right to a network namespace: %v", err)
	}
	<-done
}

const lowLimit = 500

func TestChildGetsTheLimitFromBeforeTheRuntimeRaisedIt(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedSpawnPrograms(t)
	text := childtest.Report(t, nil, "lower limit", "original limit")
	if !strings.Contains(text, fmt.Sprintln(len(ways), "equal")) {
		t.Error("nothing was compared")
	}
}

// lowerLimit starts a helper with a soft limit that the Go runtime raises.
func lowerLimit(helper string) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		childtest.Complain("%v", err)
	}
	limit.Cur = lowLimit
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		childtest.Complain("%v", err)
	}
	attr := &ward.Attr{Files: []*os.File{nil, os.Stdout, os.Stderr}}
	h, err := childtest.TryStart(attr, helper)
	if err != nil {
		childtest.Complain("%v", err)
	}
	if state, err := h.Wait(context.Background()); err != nil || !state.Success() {
		childtest.Complain("%v, %v", state, err)
	}
}

func compareLimits(ways []way) {
	path, err := childtest.Tiny(tinyprog.Pause(runtime.GOARCH))
	if err != nil {
		childtest.Complain("%v", err)
	}
	for _, want := range []uint64{lowLimit, lowLimit + 50} {
		for _, w := range ways {
			pid, end, err := w.start(spec{path, []string{"pause"}, ward.Attr{}})
			if err != nil {
				childtest.Complain("%s: %v", w.name, err)
			}
			var limit unix.Rlimit
			if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
				childtest.Complain("%v", err)
			}
			end()
			if limit.Cur != want {
				childtest.Complain("%s: RLIMIT_NOFILE %+v, want %d", w.name, limit, want)
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

// newCgroup returns the folder of a cgroup of version 2, which ends with the test.
func newCgroup(t *testing.T) string {
	t.Helper()
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		before, after, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(before); len(fields) > 4 && strings.HasPrefix(after, "cgroup2 ") {
			dir, err := os.MkdirTemp(fields[4], "ward-test-")
			if err != nil {
				t.Skipf("no right to make a cgroup: %v", err)
			}
			t.Cleanup(func() { os.Remove(dir) })
			return dir
		}
	}
	t.Skip("no cgroup2 is mounted")
	return ""
}

func TestChildIsPutIntoItsCgroup(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	dir := newCgroup(t)
	group, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	s := newStage(t)
	for _, w := range ways {
		c := s.reporter()
		c.attr.Sys = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
		pid, end, err := w.start(c)
		if err != nil {
			t.Errorf("%s: %v", w.name, err)
			continue
		}
		got := strings.TrimSpace(report(pid)["cgroup"])
		if !strings.HasSuffix(got, "/"+filepath.Base(dir)) {
			t.Errorf("%s: child in cgroup %q, want %s", w.name, got, dir)
		}
		end()
	}
}

func TestFirstChildInANewPidNamespaceGetsItsHighFile(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedSpawnPrograms(t)
	s := newStage(t)
	high := s.high
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
		c := s.reporter()
		c.attr.Files = []*os.File{high}
		pid, end, err := startWard(c, "")
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
