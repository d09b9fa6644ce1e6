package ward_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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

// needFast skips a test of spawn programs where the system cannot have them.
func needFast(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("no spawn programs on " + runtime.GOARCH)
	}
	if os.Getenv("WARDDEBUG") != "" {
		t.Skip("the environment variable WARDDEBUG takes the spawn programs away from this run; another one has them")
	}
	if selftest.KernelBefore(5, 9) {
		t.Skip("no close_range with CLOSE_RANGE_UNSHARE before Linux 5.9")
	}
	if caps := ward.Capabilities(); caps.Spawn != "fast" {
		t.Fatalf("no spawn programs: %v", caps)
	}
}

// ways are those to start a child that must have the same result.
var ways = []struct {
	name  string
	start func(c spec) (pid int, end func(), err error)
}{
	{"os.StartProcess", startOS},
	{"spawn=std", func(c spec) (int, func(), error) { return startWard(c, "spawn=std") }},
	{"spawn=fast", func(c spec) (int, func(), error) { return startWard(c, "") }},
	{"private", func(c spec) (int, func(), error) { return startPrivate(c, "") }},
	{"private=keeper", func(c spec) (int, func(), error) { return startPrivate(c, "private=keeper") }},
}

// spec is a child.
type spec struct {
	name string
	argv []string
	attr ward.Attr
}

func startOS(c spec) (pid int, end func(), err error) {
	p, err := os.StartProcess(c.name, c.argv, &os.ProcAttr{Dir: c.attr.Dir, Env: c.attr.Env, Files: c.attr.Files, Sys: c.attr.Sys})
	if err != nil {
		return 0, nil, err
	}
	return p.Pid, func() { p.Kill(); p.Wait() }, nil
}

func startWard(c spec, settings string) (pid int, end func(), err error) {
	defer ward.Force(settings)()
	h, err := ward.Start(c.name, c.argv, &c.attr)
	if err != nil {
		return 0, nil, err
	}
	return h.PID(), func() { h.Kill(); <-h.Done() }, nil
}

func startPrivate(c spec, settings string) (pid int, end func(), err error) {
	c.attr.Private = true
	return startWard(c, settings)
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
	for _, name := range []string{"cmdline", "environ", "cgroup"} {
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
	if f := strings.Fields(rest); len(f) > 4 {
		// Its own pid as the id of its group or session is as good as another's.
		own := func(id string) string {
			if id == fmt.Sprint(pid) {
				return "own"
			}
			return id
		}
		r["pgrp"], r["session"], r["tty"] = own(f[2]), own(f[3]), f[4]
	}
	return r
}

// differ says what distinguishes two reports, but for descriptors that the
// child was not given: those may be in want and not in got.
func differ(want, got map[string]string, files int) (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(union(want, got))) {
		if want[key] == got[key] {
			continue
		}
		var fd int
		if n, _ := fmt.Sscanf(key, "fd %d", &fd); n == 1 && fd >= files && got[key] == "" {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %q, want %q", key, got[key], want[key]))
	}
	return lines
}

func union(a, b map[string]string) map[string]string {
	u := maps.Clone(a)
	maps.Copy(u, b)
	return u
}

// stage is a folder and files to choose from.
type stage struct {
	dir, program string
	files        []*os.File
	terminal     *os.File
}

func newStage(t *testing.T) *stage {
	s := &stage{dir: t.TempDir()}
	for _, dir := range []string{s.dir, filepath.Dir(s.dir)} { // for other users
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.program = filepath.Join(s.dir, "pause")
	if err := os.WriteFile(s.program, tinyprog.Pause(runtime.GOARCH), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	keep := func(f *os.File, err error) *os.File {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		s.files = append(s.files, f)
		return f
	}
	keep(os.Open("/dev/null"))
	keep(os.Open(s.program))
	r, w, err := os.Pipe()
	keep(r, err)
	keep(w, err)
	for _, number := range []int{40, 70, 900, 901} {
		fd, err := unix.FcntlInt(s.files[rand.IntN(4)].Fd(), unix.F_DUPFD_CLOEXEC, number)
		keep(os.NewFile(uintptr(fd), "high"), err)
	}
	if fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err == nil {
		keep(os.NewFile(uintptr(fd), "ptmx"), nil)
		unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
		if n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN); err == nil {
			s.terminal, _ = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
		}
	}
	if s.terminal != nil {
		keep(s.terminal, nil)
	}
	return s
}

func oneIn(n int) bool { return rand.IntN(n) == 0 }

// spec makes a random child. Some cannot be started.
func (s *stage) spec() spec {
	c := spec{name: s.program, argv: []string{"pause"}}
	for range rand.IntN(4) {
		c.argv = append(c.argv, strings.Repeat("x", rand.IntN(300)))
		c.attr.Env = append(c.attr.Env, fmt.Sprintf("V%d=%d", rand.IntN(10), rand.Int()))
	}
	for range rand.IntN(8) {
		f := s.files[rand.IntN(len(s.files))]
		if oneIn(5) {
			f = nil
		}
		c.attr.Files = append(c.attr.Files, f)
	}
	if oneIn(3) {
		c.attr.Dir = filepath.Join(s.dir, "sub")
	}
	if oneIn(3) {
		return c // with Sys == nil
	}
	sys := new(syscall.SysProcAttr)
	c.attr.Sys = sys
	switch rand.IntN(8) {
	case 0:
		sys.Setsid = true
	case 1:
		sys.Setpgid = true
	case 2:
		sys.Setpgid, sys.Pgid = true, syscall.Getpgrp()
	case 3:
		sys.Setsid, sys.Setpgid = true, true // EPERM
	case 4:
		sys.Setpgid, sys.Pgid = true, 1<<22-1 // EPERM
	case 5:
		sys.Noctty = true // ENOTTY, mostly
	case 6:
		if s.terminal != nil && len(c.attr.Files) > 0 {
			sys.Setsid, sys.Setctty, sys.Ctty = true, true, rand.IntN(len(c.attr.Files))
			if !oneIn(5) {
				c.attr.Files[sys.Ctty] = s.terminal
			}
		}
	}
	if os.Getuid() == 0 && oneIn(3) {
		sys.Credential = &syscall.Credential{Uid: uint32(rand.IntN(3)), Gid: uint32(rand.IntN(3)), NoSetGroups: oneIn(3)}
		for range rand.IntN(4) {
			sys.Credential.Groups = append(sys.Credential.Groups, uint32(rand.IntN(1000)))
		}
	}
	if os.Getuid() == 0 && oneIn(5) {
		sys.Chroot, c.name = s.dir, "/pause"
		if c.attr.Dir != "" {
			c.attr.Dir = "/sub"
		}
	}
	if oneIn(5) {
		sys.Pdeathsig = syscall.SIGKILL
	}
	switch rand.IntN(20) {
	case 0:
		c.attr.Dir = "/nowhere"
	case 1:
		sys.Chroot = "/nowhere"
	case 2:
		c.name = "/nowhere"
	}
	return c
}

// TestSpawnProgramDoesWhatTheStandardLibraryDoes starts random children in
// every way and compares what the kernel says of each.
func TestSpawnProgramDoesWhatTheStandardLibraryDoes(t *testing.T) {
	needFast(t)
	runtime.LockOSThread() // a child takes what belongs to the thread
	defer runtime.UnlockOSThread()
	var blockUSR2, before unix.Sigset_t
	blockUSR2.Val[0] = 1 << (unix.SIGUSR2 - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &blockUSR2, &before); err != nil {
		t.Fatal(err)
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)

	s := newStage(t)
	n := 300
	if *selftest.Long {
		n = 5000
	}
	started := 0
	for range n {
		c := s.spec()
		var want map[string]string
		var wantErr string
		for i, way := range ways {
			pid, end, err := way.start(c)
			var got map[string]string
			gotErr := fmt.Sprint(err)
			if err == nil {
				got = report(pid)
				end()
				if way.name == "private" || way.name == "private=keeper" {
					got["PPid"] = want["PPid"] // it may be the keeper's
				}
			}
			if i == 0 {
				want, wantErr = got, gotErr
				if err == nil {
					started++
				}
				continue
			}
			if gotErr != wantErr {
				t.Fatalf("%s of %s: %s\n%s: %s", way.name, c, gotErr, ways[0].name, wantErr)
			}
			if lines := differ(want, got, len(c.attr.Files)); len(lines) > 0 {
				t.Fatalf("%s of %s:\n%s", way.name, c, strings.Join(lines, "\n"))
			}
			for key := range got {
				var fd int
				if n, _ := fmt.Sscanf(key, "fd %d", &fd); n == 1 && fd >= len(c.attr.Files) && i >= 2 {
					t.Fatalf("%s of %s: stray descriptor %d, %s", way.name, c, fd, got[key])
				}
			}
		}
	}
	t.Logf("%d of %d could be started", started, n)
	if started < n/3 {
		t.Error("that is too few to show anything")
	}
}

func (c spec) String() string {
	var files []int
	for _, f := range c.attr.Files {
		files = append(files, int(f.Fd()))
	}
	return fmt.Sprintf("%s %q in %q, files %d, %+v", c.name, c.argv, c.attr.Dir, files, c.attr.Sys)
}

func TestNoStrayDescriptorReachesTheChild(t *testing.T) {
	needFast(t)
	s := newStage(t)
	for _, number := range []int{50, 800} {
		fd, err := unix.FcntlInt(s.files[0].Fd(), unix.F_DUPFD, number) // without close-on-exec
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
	}
	high := s.files[len(s.files)-1]
	for _, files := range [][]*os.File{nil, {s.files[0]}, {nil, high}} {
		pid, end, err := startWard(spec{s.program, []string{"pause"}, ward.Attr{Files: files}}, "")
		if err != nil {
			t.Fatal(err)
		}
		for key, target := range report(pid) {
			var fd int
			if n, _ := fmt.Sscanf(key, "fd %d", &fd); n == 1 && (fd >= len(files) || files[fd] == nil) {
				t.Errorf("with files %v: stray descriptor %d, %s", files, fd, target)
			}
		}
		end()
	}
}

func TestChildTakesNamespacesFromTheCallersThread(t *testing.T) {
	needFast(t)
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
		for _, way := range ways {
			pid, end, err := way.start(spec{s.program, []string{"pause"}, ward.Attr{}})
			if err != nil {
				t.Errorf("%s: %v", way.name, err)
				continue
			}
			// A child of the keeper has the keeper's, as Attr.Private says.
			if got := report(pid)["ns/net"]; got != want && childtest.ParentOf(pid) == os.Getpid() {
				t.Errorf("%s: child in %s, want %s", way.name, got, want)
			}
			end()
		}
	}()
	if err := <-unshared; err != nil {
		t.Skipf("no right to a network namespace: %v", err)
	}
	<-done
}

func TestStartWithCredentialLeavesTheProgramDumpable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change its user")
	}
	// os/exec, in another test, may have left it off.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	childtest.Wait(t, childtest.Start(t, &ward.Attr{Sys: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: childtest.Nobody, Gid: childtest.Nobody}}}, "exit", "0"))
	if after, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); after != 1 {
		t.Errorf("dumpable is %d after the start", after)
	}
}

func TestStartWaitsForABusyProgram(t *testing.T) {
	s := newStage(t)
	busy, err := os.OpenFile(s.program, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := ward.Start(s.program, nil, nil); !errors.Is(err, syscall.ETXTBSY) {
		t.Errorf("Start() = %v, %v while the program is written", h, err)
	}
	time.AfterFunc(20*time.Millisecond, func() { busy.Close() })
	h, err := ward.Start(s.program, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.Kill()
	<-h.Done()
}

// TestGarbageCollectionGoesOnDuringASlowExec keeps the exec waiting by a lease
// on the program's file: fcntl(2), F_SETLEASE.
func TestGarbageCollectionGoesOnDuringASlowExec(t *testing.T) {
	needFast(t)
	s := newStage(t)
	program := filepath.Join(s.dir, "slow")
	if err := os.WriteFile(program, tinyprog.Exit(runtime.GOARCH), 0o755); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(program, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("no lease on %s: %v", program, err)
	}
	started := make(chan error, 1)
	go func() {
		h, err := ward.Start(program, []string{program}, nil)
		if err == nil {
			_, err = h.Wait(context.Background())
		}
		started <- err
	}()
	time.Sleep(50 * time.Millisecond) // the exec has come to the lease
	for range 3 {
		runtime.GC() // stops the world
	}
	select {
	case err := <-started:
		t.Errorf("the start did not wait for the lease, or the collection for the start: %v", err)
	default:
		unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
		if err := <-started; err != nil {
			t.Error(err)
		}
	}
}
