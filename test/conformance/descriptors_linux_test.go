package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("lose pidfds", losePidfds)
	selftest.Register("lose epoll", loseEpoll)
	selftest.Register("lose pipe", losePipe)
}

// losses are what may become of a descriptor's number.
var losses = []string{"closed", "file", "pipe", "pidfd", "epoll", "child"}

func TestHandleWhosePidfdIsClosedEndsAndHarmsNobody(t *testing.T) {
	needPidfds(t)
	if childtest.Private && !childtest.Autoreaps() {
		selftest.NeedProc(t) // which tells the number of the child's own parent
	}
	for _, how := range losses {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			childtest.Report(t, nil, "lose pidfds", how)
		})
	}
}

// Where nobody can open another pidfd, the handle must say so.
func TestHandleWhosePidfdIsLostForGoodSaysSo(t *testing.T) {
	needPidfds(t)
	if childtest.Private && !childtest.Autoreaps() {
		t.Skip("the children of this run have parents of their own, which pidfd_open(2) is needed for")
	}
	for _, how := range losses {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			childtest.Report(t, nil, "lose pidfds", how, "for good")
		})
	}
}

func TestExitsAreHeardWhenEpollIsClosed(t *testing.T) {
	needPidfds(t)
	for _, how := range losses[:len(losses)-1] {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			childtest.Report(t, nil, "lose epoll", how)
		})
	}
}

func TestExitIsHeardWhenThePipeIsClosed(t *testing.T) {
	childtest.NeedBackend(t)
	if childtest.Private {
		t.Skip("the children of this run are private, which those with a pipe cannot be")
	}
	attr := &ward.Attr{Env: []string{"WARDDEBUG=backend=fallback"}}
	for _, how := range []string{"closed", "file", "pipe"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			childtest.Report(t, attr, "lose pipe", how)
		})
	}
}

func needPidfds(t *testing.T) {
	t.Helper()
	childtest.NeedBackend(t)
	if backend := ward.Capabilities().Backend; backend != "pidfd" {
		t.Skipf("the children of this run are those of the backend %s, which have no pidfd", backend)
	}
}

// A victim is a child that exits with 7 when release is called.
type victim struct {
	ward.Handle
	release func()
}

func startVictim(attr ward.Attr) victim {
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	defer r.Close()
	attr.Files = []*os.File{r, nil, os.Stderr}
	h, err := childtest.TryStart(&attr, "stdin", "7")
	if err != nil {
		childtest.Complain("%v", err)
	}
	return victim{h, func() { w.Close() }}
}

func (v victim) pidfd() (fd int) {
	if err := v.WithHandle(func(p uintptr) { fd = int(p) }); err != nil {
		childtest.Complain("WithHandle: %v", err)
	}
	return fd
}

// watched is the descriptor that tells of the end: the parent's, if the child has one of
// its own.
func (v victim) watched() int {
	parent := childtest.ParentOf(v.PID())
	if parent == os.Getpid() {
		return v.pidfd()
	}
	infos, _ := filepath.Glob("/proc/self/fdinfo/*")
	for _, info := range infos {
		text, _ := os.ReadFile(info)
		if strings.Contains(string(text), fmt.Sprintf("\nPid:\t%d\n", parent)) {
			fd, _ := strconv.Atoi(filepath.Base(info))
			return fd
		}
	}
	childtest.Complain("no pidfd of the parent %d", parent)
	return -1
}

// A usurper has the number of a descriptor that it has closed.
type usurper struct {
	fd     int
	stat   unix.Stat_t
	live   func() bool // whether the process that it stands for runs
	depart func()
}

// usurp closes fd and gives the number to another file.
func usurp(how string, fd int) usurper {
	u := usurper{fd: fd, live: func() bool { return true }, depart: func() {}}
	switch how {
	case "closed":
		unix.Close(fd)
		u.fd = -1
		return u
	case "file":
		u.take(unix.Open(selftest.Path(), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	case "pipe":
		var p [2]int
		err := unix.Pipe2(p[:], unix.O_CLOEXEC)
		u.take(p[0], err)
		u.depart = func() { unix.Close(p[1]) }
	case "epoll":
		u.take(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	case "pidfd":
		u.takePidfd()
	case "child":
		v := startVictim(ward.Attr{})
		// The system gives it the lowest number. Begin with that of the victim.
		u.fd = -1
		unix.Close(fd)
		next := startVictim(ward.Attr{})
		u.live = func() bool { return running(v) && running(next) }
		u.depart = func() { v.finish(); next.finish() }
		return u
	}
	unix.Fstat(fd, &u.stat)
	return u
}

func (u usurper) take(file int, err error) {
	if err == nil {
		err = unix.Dup3(file, u.fd, unix.O_CLOEXEC)
	}
	if err != nil {
		childtest.Complain("no other file: %v", err)
	}
	unix.Close(file)
}

// takePidfd has the number stand for a child of package os/exec.
func (u *usurper) takePidfd() {
	path, argv, env := selftest.Command("stdin", "0")
	fd := -1
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env, SysProcAttr: &syscall.SysProcAttr{PidFD: &fd}}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		childtest.Complain("%v", err)
	}
	u.take(fd, nil)
	u.live = func() bool { return cmd.Process.Signal(syscall.Signal(0)) == nil }
	u.depart = func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			childtest.Complain("the child of package os/exec: %v", err)
		}
	}
}

func running(v victim) bool {
	_, err := v.TryWait()
	return err == ward.ErrRunning
}

func (v victim) finish() {
	v.release()
	if state, err := v.Wait(context.Background()); err != nil || state.ExitCode() != 7 {
		childtest.Complain("a child that has lost nothing: %v, %v", state, err)
	}
}

// leave complains if the usurper has come to harm, and ends it.
func (u usurper) leave(when string) {
	var stat unix.Stat_t
	if u.fd >= 0 && (unix.Fstat(u.fd, &stat) != nil || stat.Ino != u.stat.Ino) {
		childtest.Complain("%s: a descriptor that is another's now is closed", when)
	}
	if !u.live() {
		childtest.Complain("%s: a process that is another's is no more", when)
	}
	u.depart()
	if u.fd >= 0 {
		unix.Close(u.fd)
	}
}

// occasions are when a pidfd is lost: lose does it.
var occasions = map[string]func(v victim, lose func()){
	"before Wait": func(v victim, lose func()) {
		lose()
		time.AfterFunc(20*time.Millisecond, v.release)
		v.Wait(context.Background())
	},
	"before Wait, after the exit": func(v victim, lose func()) {
		lose()
		v.release()
		time.Sleep(20 * time.Millisecond)
		v.Wait(context.Background())
	},
	"before Wait with a context": func(v victim, lose func()) {
		lose()
		time.AfterFunc(20*time.Millisecond, v.release)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		v.Wait(ctx)
	},
	"during Wait on a thread": func(v victim, lose func()) {
		time.AfterFunc(time.Millisecond, func() {
			lose()
			v.release()
			time.Sleep(50 * time.Millisecond)
			v.TryWait() // for if the thread had been given back before
		})
		v.Wait(context.Background())
	},
	"during Wait with a context": func(v victim, lose func()) {
		time.AfterFunc(20*time.Millisecond, func() {
			lose()
			v.release()
			v.Signal(syscall.Signal(0)) // something has to be done, or nobody notices
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		v.Wait(ctx)
	},
	"at the end of a context": func(v victim, lose func()) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(20*time.Millisecond, func() {
			lose()
			v.release()
			time.Sleep(20 * time.Millisecond)
			cancel()
		})
		v.Wait(ctx)
	},
	"in a Set": func(v victim, lose func()) {
		var s ward.Set
		s.Add(v.Handle)
		time.AfterFunc(20*time.Millisecond, func() {
			lose()
			v.release()
			v.TryWait()
		})
		if h, err := s.Next(context.Background()); h != v.Handle || err != nil {
			childtest.Complain("Next: %v, %v", h, err)
		}
	},
	"before Kill":     func(v victim, lose func()) { lose(); v.Kill() },
	"before KillTree": func(v victim, lose func()) { lose(); v.KillTree() },
	"before Stop": func(v victim, lose func()) {
		lose()
		ward.Stop(context.Background(), v, ward.Step{Signal: os.Kill})
	},
}

func losePidfds(args []string) {
	how := args[0]
	if len(args) > 1 {
		err := selftest.Refuse(unix.EPERM, selftest.Call{Number: unix.SYS_PIDFD_OPEN})
		if err != nil {
			fmt.Println("no seccomp filter to refuse pidfd_open with:", err)
			return
		}
	}
	before := census()
	losePidfdsOf(how, victim.pidfd)
	if childtest.Private && !childtest.Autoreaps() {
		losePidfdsOf(how, victim.watched)
	}
	awaitCensus(before)
}

func losePidfdsOf(how string, pidfd func(victim) int) {
	for when, run := range occasions {
		usurped := make(chan usurper, 1)
		v := startVictim(ward.Attr{Tree: true})
		ended := make(chan struct{})
		begin := cpuTime()
		go func() {
			defer close(ended)
			run(v, func() { usurped <- usurp(how, pidfd(v)) })
		}()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			childtest.Complain("%s: a method does not return", when)
		}
		v.release()
		select {
		case <-v.Done():
		case <-time.After(20 * time.Second):
			childtest.Complain("%s: Done is not closed", when)
		}
		if used := cpuTime() - begin; used > 5*time.Second {
			childtest.Complain("%s: computed for %v", when, used)
		}
		v.judge(when)
		(<-usurped).leave(when) // the loss may be noticed in the middle of it
	}
}

// judge complains unless there is a true result, or all methods say what is lost.
func (v victim) judge(when string) {
	ctx := context.Background()
	state, err := v.Wait(ctx)
	if err == nil {
		killed := state.Signaled() && state.Signal() == syscall.SIGKILL
		if strings.Contains(when, "Kill") || strings.Contains(when, "Stop") {
			// A private child's number is held by its parent, and no proof before Linux 6.9
			// that it is the child's yet.
			refused := childtest.Private && !childtest.Autoreaps() && selftest.KernelBefore(6, 9)
			if !killed && !refused {
				childtest.Complain("%s: the child was not killed: %v", when, state)
			}
		} else if state.ExitCode() != 7 {
			childtest.Complain("%s: %v", when, state)
		}
		return
	}
	_, tried := v.TryWait()
	for method, err := range map[string]error{
		"Wait":       err,
		"TryWait":    tried,
		"Signal":     v.Signal(syscall.SIGTERM),
		"Kill":       v.Kill(),
		"KillTree":   v.KillTree(),
		"WithHandle": v.WithHandle(func(uintptr) {}),
	} {
		var as *ward.Error
		if !errors.Is(err, ward.ErrDescriptorLost) || !errors.As(err, &as) || as.PID != v.PID() {
			childtest.Complain("%s: %s: %v, want ErrDescriptorLost", when, method, err)
		}
	}
	if mended() {
		childtest.Complain("%s: %v, and the system would let another pidfd be opened", when, err)
	}
	reapLost(v.PID())
}

// mended reports whether another pidfd can be had in place of a lost one: the kernel
// has pidfs (Linux 6.9), nobody refuses pidfd_open(2), and the child was not reaped.
func mended() bool {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	unix.Fstatfs(fd, &fs)
	return fs.Type == unix.PID_FS_MAGIC && !(childtest.Private && childtest.Autoreaps())
}

// reapLost reaps the child of a handle that is lost for good: it is nobody's, and so
// Wait4's. Somebody may have killed it by then, or not.
func reapLost(pid int) {
	for range 1000 {
		if got, _ := ward.Wait4(-1, nil, unix.WNOHANG, nil); got == pid {
			return
		}
		if unix.Kill(pid, 0) == unix.ESRCH {
			return
		}
		if childtest.Private && childtest.ParentOf(pid) != os.Getpid() {
			return // its own parent's, and gone with that
		}
		time.Sleep(time.Millisecond)
		unix.Kill(pid, unix.SIGKILL)
	}
	childtest.Complain("the child %d of a lost handle is reaped by nobody", pid)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// census tells what descriptors of the package's kinds are open, or "" without /proc.
func census() string {
	count := make(map[string]int)
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		target, _ := os.Readlink(link)
		for _, kind := range []string{"pidfd", "pipe"} {
			if strings.Contains(target, kind) {
				count[kind]++
			}
		}
	}
	return fmt.Sprint(count)
}

// awaitCensus complains if a descriptor has been left.
func awaitCensus(before string) {
	now := ""
	for range 2000 {
		if now = census(); now == before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	childtest.Complain("descriptors were %s and are %s", before, now)
}

// limitTime has the helper end if it hangs.
func limitTime() *time.Timer {
	return time.AfterFunc(20*time.Second, func() { childtest.Complain("it does not end") })
}

// epollOf returns the epoll descriptor that has fd in it, or -1.
func epollOf(fd int) int {
	infos, _ := filepath.Glob("/proc/self/fdinfo/*")
	for _, info := range infos {
		text, _ := os.ReadFile(info)
		for line := range strings.Lines(string(text)) {
			var watched int
			if n, _ := fmt.Sscanf(line, "tfd: %d", &watched); n == 1 && watched == fd {
				var epoll int
				fmt.Sscan(filepath.Base(info), &epoll)
				return epoll
			}
		}
	}
	return -1
}

// showsEpoll reports whether epollOf can find an epoll descriptor.
func showsEpoll() bool {
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	defer r.Close()
	defer w.Close()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		childtest.Complain("%v", err)
	}
	defer unix.Close(epoll)
	fd := int(r.Fd())
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, new(unix.EpollEvent)); err != nil {
		childtest.Complain("%v", err)
	}
	return epollOf(fd) >= 0 // or the runtime's, which has it, too
}

func loseEpoll(args []string) {
	defer limitTime().Stop()
	if _, err := os.Stat("/proc/self/fdinfo"); err != nil {
		fmt.Println("no /proc to find the epoll descriptor by")
		return
	}
	if !showsEpoll() {
		fmt.Println("/proc does not tell what an epoll descriptor has in it")
		return
	}
	for when, next := range map[string]func(waiting, idle victim){
		"Start": func(_, _ victim) { startVictim(ward.Attr{}).finish() },
		"Wait":  func(_, idle victim) { idle.finish() },
		"TryWait": func(waiting, _ victim) {
			for _, err := waiting.TryWait(); err == ward.ErrRunning; _, err = waiting.TryWait() {
				time.Sleep(time.Millisecond)
			}
		},
		"context": func(_, idle victim) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			idle.Wait(ctx)
		},
	} {
		waiting, idle := startVictim(ward.Attr{}), startVictim(ward.Attr{})
		epoll := epollOf(waiting.watched())
		if epoll < 0 {
			childtest.Complain("no epoll descriptor has the pidfd in it")
		}
		result := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, err := waiting.Wait(ctx)
			result <- err
		}()
		time.Sleep(10 * time.Millisecond)
		u := usurp(args[0], epoll)
		waiting.release()
		time.Sleep(10 * time.Millisecond)
		next(waiting, idle)
		select {
		case err := <-result:
			if err != nil {
				childtest.Complain("%s: %v", when, err)
			}
		case <-time.After(10 * time.Second):
			childtest.Complain("%s: the exit is not heard of", when)
		}
		waiting.finish()
		idle.finish()
		u.leave(when)
	}
	if err := selftest.Goroutines(); err != nil {
		childtest.Complain("%v", err)
	}
}

// pipes returns the descriptors of pipes.
func pipes() map[int]bool {
	open := make(map[int]bool)
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		if target, _ := os.Readlink(link); strings.HasPrefix(target, "pipe:") {
			var fd int
			fmt.Sscan(filepath.Base(link), &fd)
			open[fd] = true
		}
	}
	return open
}

func losePipe(args []string) {
	defer limitTime().Stop()
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	before := pipes()
	if len(before) == 0 {
		fmt.Println("no /proc to find the pipe by")
		return
	}
	h, err := childtest.TryStart(&ward.Attr{Files: []*os.File{r, nil, os.Stderr}}, "stdin", "7")
	if err != nil {
		childtest.Complain("%v", err)
	}
	var u usurper
	for fd := range pipes() {
		if !before[fd] {
			u = usurp(args[0], fd)
		}
	}
	r.Close()
	time.AfterFunc(20*time.Millisecond, func() { w.Close() })
	victim{h, func() {}}.finish()
	u.leave("Wait")
	if err := selftest.Goroutines(); err != nil {
		childtest.Complain("%v", err)
	}
}
