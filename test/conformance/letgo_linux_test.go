package conformance_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/wait4"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("serve with private children", func(args []string) { serve(args[0], selftest.Number(args[1])) })
	selftest.Register("execute beside private children", func([]string) { executeBesidePrivate() })
	selftest.Register("take all children", func([]string) { takeAllChildren() })
	selftest.Register("keep the lifeline", func([]string) { keepLifeline() })
	selftest.Register("init beside private children", func(args []string) { beInitBesidePrivate(args[0]) })
}

// byParent is the environment of a program whose private children have parents of their
// own on every kernel.
var byParent = []string{"WARDDEBUG=private=parent"}

// needParents skips a test whose program has the environment byParent in all variants.
func needParents(t *testing.T) {
	t.Helper()
	if variable := childtest.Chosen(); variable != "" {
		t.Skipf("the program makes its own choice, not that of the environment variable %s", variable)
	}
	needPrivate(t)
}

// Whoever has reaped the program finds its port and its lock free, however much memory
// it had.
func TestEndOfTheProgramLetsGoOfAllAtOnce(t *testing.T) {
	needParents(t)
	rounds, megabytes := 4, "100"
	if *selftest.Long {
		rounds, megabytes = 20, "1500"
	}
	lock := filepath.Join(t.TempDir(), "lock")
	for range rounds {
		r, w := childtest.Pipe(t)
		h := childtest.Start(t, &ward.Attr{Files: []*os.File{nil, w, os.Stderr}, Env: byParent},
			"serve with private children", lock, megabytes)
		w.Close()
		port, _ := strconv.Atoi(strings.TrimSpace(childtest.ReadLine(t, r)))
		h.Kill()
		childtest.Wait(t, h)
		listener, _, err := listen(port)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(listener)
		file, err := os.Open(lock)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			t.Fatalf("flock: %v", err)
		}
		file.Close()
		r.Close()
	}
}

// listen does without package net, which would bring cgo along.
func listen(port int) (fd, bound int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, 0, err
	}
	address := &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(fd, address); err != nil {
		return -1, 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return -1, 0, err
	}
	return fd, name.(*unix.SockaddrInet4).Port, unix.Listen(fd, 1)
}

// serve holds a port and a lock, much memory and private children.
func serve(lock string, megabytes int) {
	file, err := os.Create(lock)
	must(err)
	must(unix.Flock(int(file.Fd()), unix.LOCK_EX))
	_, port, err := listen(0)
	must(err)
	memory := make([]byte, megabytes<<20)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	for i := range 4 {
		_, err := childtest.TryStart(&ward.Attr{Private: true, KillOnParentExit: true}, "sleep")
		must(err)
		if i == 1 {
			time.Sleep(30 * time.Millisecond) // for the first ones to be sealed
		}
	}
	fmt.Println(port)
	time.Sleep(time.Hour)
	runtime.KeepAlive(file)
	runtime.KeepAlive(memory)
}

func must(err error) {
	if err != nil {
		childtest.Complain("%v", err)
	}
}

// The parents of what were private children become children like any other, which have
// ended, and no zombie stays.
func TestExecLeavesNoParentOfPrivateChildren(t *testing.T) {
	needParents(t)
	childtest.Report(t, &ward.Attr{Env: byParent}, "execute beside private children")
}

const besideExec = 4

func executeBesidePrivate() {
	for i := range besideExec {
		attr := &ward.Attr{Private: true, KillOnParentExit: true}
		if os.Getuid() == 0 && i%2 == 0 {
			attr.Sys = ownCredential()
		}
		_, err := childtest.TryStart(attr, "sleep")
		must(err)
		if i == 1 {
			time.Sleep(30 * time.Millisecond) // for the first ones to be sealed
		}
	}
	path, argv, env := selftest.Command("take all children")
	must(syscall.Exec(path, argv, env))
}

func takeAllChildren() {
	taken := 0
	for deadline := time.Now().Add(10 * time.Second); taken < besideExec; time.Sleep(time.Millisecond) {
		if pid, _ := wait4.Try(-1, nil, nil); pid > 0 {
			taken++
		}
		if time.Now().After(deadline) {
			childtest.Complain("wait4(-1) has taken %d of %d", taken, besideExec)
		}
	}
	if err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WALL, nil); err != unix.ECHILD {
		childtest.Complain("a child is left: %v", err)
	}
}

// A process that was forked and executes nothing yet may hold a copy of the lifeline.
func TestParentsEndWhileTheLifelineIsHeldElsewhere(t *testing.T) {
	needParents(t)
	r, w := childtest.Pipe(t)
	h := childtest.Start(t, &ward.Attr{Files: []*os.File{nil, w, os.Stderr}, Env: byParent}, "keep the lifeline")
	w.Close()
	var parent, holder int
	if _, err := fmt.Fscan(bufio.NewReader(r), &parent, &holder); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(holder, syscall.SIGKILL)
	h.Kill()
	childtest.Wait(t, h)
	childtest.WaitGone(t, parent, "the parent, after the program was killed,")
	if err := syscall.Kill(holder, 0); err != nil {
		t.Errorf("who holds the lifeline: %v", err)
	}
}

func keepLifeline() {
	h, err := childtest.TryStart(&ward.Attr{Private: true, KillOnParentExit: true}, "sleep")
	must(err)
	passOn := func(flag int) {
		pipes, _ := filepath.Glob("/proc/self/fd/*")
		for _, name := range pipes {
			if target, _ := os.Readlink(name); strings.HasPrefix(target, "pipe:") {
				unix.FcntlInt(uintptr(selftest.Number(filepath.Base(name))), unix.F_SETFD, flag)
			}
		}
	}
	passOn(0)
	path, argv, env := selftest.Command("sleep")
	holder := &exec.Cmd{Path: path, Args: argv, Env: env}
	must(holder.Start())
	passOn(unix.FD_CLOEXEC)
	fmt.Println(childtest.ParentOf(h.PID()), holder.Process.Pid)
	time.Sleep(time.Hour)
}

func TestParentHoldsNothingOfTheProgram(t *testing.T) {
	needPrivate(t)
	if childtest.Autoreaps() {
		t.Skip("the kernel reaps private children")
	}
	for range 20 {
		h := childtest.Start(t, &ward.Attr{Private: true, KillOnParentExit: true}, "sleep")
		dir := fmt.Sprintf("/proc/%d/", childtest.ParentOf(h.PID()))
		links, _ := filepath.Glob(dir + "fd/*")
		for _, link := range links {
			target, _ := os.Readlink(link)
			kind, _, _ := strings.Cut(target, ":")
			if kind != "pipe" && !strings.Contains(target, "pidfd") && !strings.HasPrefix(target, "/memfd:ward") {
				t.Errorf("the parent has %s", target)
			}
		}
		if len(links) > 4 {
			t.Errorf("the parent has %d descriptors", len(links))
		}
		h.Kill()
		h.Wait(context.Background())
	}
}

// A parent seals itself when its child is not a short one.
func TestParentSealsItself(t *testing.T) {
	needPrivate(t)
	if childtest.Autoreaps() {
		t.Skip("the kernel reaps private children")
	}
	h := childtest.Start(t, &ward.Attr{Private: true}, "sleep")
	defer func() {
		h.Kill()
		h.Wait(context.Background())
	}()
	dir := fmt.Sprintf("/proc/%d/", childtest.ParentOf(h.PID()))
	var status string
	sealed := func() bool {
		text, _ := os.ReadFile(dir + "status")
		status = string(text)
		for _, line := range []string{
			"Name:\tward-parent", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
			"NoNewPrivs:\t1", "Seccomp:\t2",
		} {
			if !strings.Contains(status, line+"\n") {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(10 * time.Second); !sealed(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not sealed:\n%s", status)
		}
	}
	if cwd, err := os.Readlink(dir + "cwd"); cwd != "/" && !os.IsPermission(err) {
		t.Errorf("the parent works in %s, %v", cwd, err)
	}
}

// Orphans come to PID 1 and to a subreaper, and so do its own children: no parent may be
// among them.
func TestNoWaitOfAnInitSeesAParent(t *testing.T) {
	needPrivate(t)
	t.Run("subreaper", func(t *testing.T) {
		childtest.Report(t, &ward.Attr{Env: byParent}, "init beside private children", "subreaper")
	})
	t.Run("PID 1", func(t *testing.T) {
		if childtest.Private {
			t.Skip("a private child cannot have a pid namespace of its own")
		}
		sys := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
		if _, err := childtest.TryStart(&ward.Attr{Sys: sys}, "exit", "0"); err != nil {
			t.Skipf("no pid namespace: %v", err)
		}
		text := childtest.Report(t, &ward.Attr{Env: byParent, Sys: sys}, "init beside private children", "PID 1")
		if strings.HasPrefix(text, "no /proc") {
			t.Skip(text)
		}
	})
}

// beInitBesidePrivate has private children of all fates, some after their parents, and
// looks for others after each.
func beInitBesidePrivate(kind string) {
	if kind == "subreaper" {
		must(ward.SetSubreaper(true))
	} else {
		must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			fmt.Println("no /proc:", err)
			return
		}
	}
	must(startAndWait("exit", "0")) // what is tried first is no child of these
	look := func(when string, options int) {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|options, nil)
		if err != unix.ECHILD {
			childtest.Complain("%s there is another child: %v", when, err)
		}
	}
	for i := range 40 {
		r, w, err := os.Pipe()
		must(err)
		h, err := childtest.TryStart(&ward.Attr{Private: true, Files: []*os.File{r}}, "stdin", "5")
		must(err)
		r.Close()
		look("while a private child lives", 0)
		if i%4 == 0 {
			must(syscall.Kill(childtest.ParentOf(h.PID()), syscall.SIGKILL))
		}
		w.Close()
		state, err := h.Wait(context.Background())
		if err != nil || state.ExitCode() != 5 {
			childtest.Complain("Wait: %v, %v", state, err)
		}
		look("after a private child", unix.WALL)
	}
}

func startAndWait(helper string, args ...string) error {
	h, err := childtest.TryStart(&ward.Attr{Private: true}, helper, args...)
	if err == nil {
		_, err = h.Wait(context.Background())
	}
	return err
}

// A parent takes no more than the kernel's own memory.
func TestParentHasNoMemoryOfItsOwn(t *testing.T) {
	needPrivate(t)
	if childtest.Autoreaps() {
		t.Skip("the kernel reaps private children")
	}
	if !sharesMemory(os.Getpid()) {
		t.Skip("kcmp(KCMP_VM) is refused")
	}
	h := childtest.Start(t, &ward.Attr{Private: true}, "sleep")
	defer func() {
		h.Kill()
		h.Wait(context.Background())
	}()
	if parent := childtest.ParentOf(h.PID()); parent == os.Getpid() || !sharesMemory(parent) {
		t.Errorf("parent %d of %d has memory of its own", parent, h.PID())
	}
}
