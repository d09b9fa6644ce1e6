package hostile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
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
	selftest.Register("stop parent", func([]string) { stopParent() })
	selftest.Register("hold by ptrace", func(args []string) { holdByPtrace(selftest.Number(args[0])) })
}

// TestStoppedParentHoldsUpItsOwnChildOnly has somebody look at a parent with a
// debugger: SIGCONT does not let go of it.
func TestStoppedParentHoldsUpItsOwnChildOnly(t *testing.T) {
	selftest.NeedProc(t) // which tells the parent's number
	childtest.NeedSpawnPrograms(t)
	childtest.NeedAttr(t, &ward.Attr{Private: true})
	env := []string{"WARDDEBUG=private=parent", childtest.PrivateVariable + "="}
	text := childtest.Report(t, &ward.Attr{Env: env}, "stop parent")
	if strings.HasPrefix(text, refused) {
		t.Skip(text)
	}
}

// refused is what the helper says where it may not trace.
const refused = "ptrace is refused"

// soon is how long nothing here takes unless it waits for the parent.
const soon = 10 * time.Second

// quickly complains of what does not return soon.
func quickly(what string, f func()) {
	late := time.AfterFunc(soon, func() {
		childtest.Complain("%s waits for the stopped parent", what)
	})
	defer late.Stop()
	f()
}

// must complains of an error.
func must(err error) {
	if err != nil {
		childtest.Complain("%v", err)
	}
}

func stopParent() {
	left := selftest.Watch()
	first, releaseFirst := startHeld(true, 5)
	plain, releasePlain := startHeld(false, 6)
	second, releaseSecond := startHeld(true, 9)
	letGo := traceByAnother(childtest.ParentOf(first.PID()))

	var set ward.Set
	set.Add(first)
	set.Add(plain)
	releaseFirst()
	must(first.WithHandle(func(fd uintptr) {
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
	}))
	time.Sleep(20 * time.Millisecond) // for the mux to hear of it
	releasePlain()
	quickly("the exit of an ordinary child", func() {
		h, err := set.Next(context.Background())
		must(err)
		if h != plain {
			childtest.Complain("the child of the stopped parent comes first")
		}
	})
	quickly("Wait of an ordinary child", func() { exitsWith(plain, 6) })
	quickly("Wait with a context that has ended", func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		if state, err := first.Wait(over); err != context.Canceled {
			childtest.Complain("Wait = %v, %v", state, err)
		}
	})
	quickly("a method of the private child", func() {
		if state, err := first.TryWait(); err != ward.ErrRunning {
			childtest.Complain("TryWait = %v, %v", state, err)
		}
		must(first.Signal(syscall.Signal(0)))
		must(first.WithHandle(func(uintptr) {}))
	})
	quickly("a private child that was there before", func() {
		releaseSecond()
		exitsWith(second, 9)
	})
	quickly("an ordinary child", func() {
		h, release := startHeld(false, 7)
		release()
		exitsWith(h, 7)
		if pid, err := ward.Wait4(-1, nil, unix.WNOHANG, nil); pid != 0 || err != nil { // the tracer runs
			childtest.Complain("Wait4 = %d, %v", pid, err)
		}
		ward.Capabilities()
	})
	quickly("another private child", func() {
		h, release := startHeld(true, 8)
		release()
		exitsWith(h, 8)
	})

	letGo()
	exitsWith(first, 5)
	must(left())
}

func exitsWith(h ward.Handle, code int) {
	state, err := h.Wait(context.Background())
	if err != nil || state.ExitCode() != code || state.Recovered() || state.SysUsage() == nil {
		childtest.Complain("Wait = %v, %v; want exit code %d", state, err, code)
	}
}

// startHeld starts a child that exits with the code once release is called.
func startHeld(private bool, code int) (h ward.Handle, release func()) {
	r, w, err := os.Pipe()
	must(err)
	defer r.Close()
	h, err = childtest.TryStart(
		&ward.Attr{Private: private, Files: []*os.File{r, nil, os.Stderr}}, "stdin", strconv.Itoa(code))
	must(err)
	return h, func() { w.Close() }
}

// traceByAnother has a child trace and stop the process until letGo is called.
func traceByAnother(pid int) (letGo func()) {
	in, hold, err := os.Pipe()
	must(err)
	out, told, err := os.Pipe()
	must(err)
	tracer, err := childtest.TryStart(
		&ward.Attr{Files: []*os.File{in, told, os.Stderr}}, "hold by ptrace", strconv.Itoa(pid))
	must(err)
	in.Close()
	told.Close()
	switch line, err := bufio.NewReader(out).ReadString('\n'); line {
	case "stopped\n":
	case refused + "\n":
		fmt.Println(refused)
		os.Exit(0)
	default:
		childtest.Complain("the tracer says %q, %v", line, err)
	}
	out.Close()
	return func() {
		hold.Close()
		_, err := tracer.Wait(context.Background())
		must(err)
	}
}

// holdByPtrace stops a process until this program's input ends.
func holdByPtrace(pid int) {
	runtime.LockOSThread()
	for _, request := range []uintptr{unix.PTRACE_SEIZE, unix.PTRACE_INTERRUPT} {
		_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, request, uintptr(pid), 0, 0, 0, 0)
		if errno == unix.EPERM || errno == unix.ENOSYS {
			fmt.Println(refused)
			return
		}
		if errno != 0 {
			childtest.Complain("ptrace(%#x): %v", request, errno)
		}
	}
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		if err == nil && status.Stopped() {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			must(err)
		}
	}
	fmt.Println("stopped")
	os.Stdin.Read(make([]byte, 1))
	must(unix.PtraceDetach(pid))
}
