package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("orphaning", func(args []string) { startAndWaitToBeKilled(args[0]) })
	selftest.Register("orphan of another user", func([]string) { startAsNobodyAndStay() })
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

func TestDeathSignalIsForTheProgramAndNotForAThread(t *testing.T) {
	selftest.NeedProc(t)
	for _, words := range []string{"Pdeathsig", "KillOnParentExit", "Private KillOnParentExit"} {
		t.Run(words, func(t *testing.T) { orphan(t, words) })
	}
}

func orphan(t *testing.T, words string) {
	childtest.NeedAttr(t, deadly(words))
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

// deadly are the attributes of a child that is killed when its program ends.
func deadly(words string) *ward.Attr {
	attr := &ward.Attr{
		Private:          strings.Contains(words, "Private"),
		KillOnParentExit: strings.Contains(words, "KillOnParentExit"),
	}
	if words == "Pdeathsig" {
		attr.Sys = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	return attr
}

// startAndWaitToBeKilled starts a child, and ends the thread that did it.
func startAndWaitToBeKilled(words string) {
	attr := deadly(words)
	attr.Files = []*os.File{nil, os.Stdout, os.Stderr}
	runtime.LockOSThread() // to the main thread, which does not end
	started := make(chan error)
	go func() {
		_, err := childtest.TryStart(attr, "death signal")
		started <- err
	}()
	if err := <-started; err != nil {
		childtest.Complain("%v", err)
	}
	endThreads()
	os.Stdout.Close()
	time.Sleep(time.Minute)
}

// endThreads ends all threads but the main one and those that are locked already.
func endThreads() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		childtest.Complain("%v", err)
	}
	var all, ended sync.WaitGroup
	all.Add(len(threads)) // the runtime takes those that are idle first
	for range threads {
		ended.Go(func() {
			onMortalThread(func() {
				all.Done()
				all.Wait()
			})
		})
	}
	ended.Wait()
}

// The parent of a private child sends the signal, and gives up its rights before.
func TestDeathSignalReachesAPrivateChildOfAnotherUser(t *testing.T) {
	needPrivate(t)
	needRoot(t)
	r, w := childtest.Pipe(t)
	h := childtest.Start(t, &ward.Attr{Files: []*os.File{nil, w, os.Stderr}}, "orphan of another user")
	w.Close()
	child := selftest.Number(childtest.ReadLine(t, r))
	if uid := uidOf(child); uid != childtest.Nobody {
		t.Errorf("the child's user is %d", uid)
	}
	h.Kill()
	childtest.Wait(t, h)
	childtest.WaitGone(t, child, "the child of another user")
}

func startAsNobodyAndStay() {
	h, err := childtest.TryStart(&ward.Attr{Private: true, KillOnParentExit: true, Sys: asNobody()}, "sleep")
	must(err)
	parent := fmt.Sprintf("/proc/%d/status", childtest.ParentOf(h.PID()))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		status, err := os.ReadFile(parent)
		must(err)
		if strings.Contains(string(status), "\nSeccomp:\t2\n") {
			break
		}
		if time.Now().After(deadline) {
			childtest.Complain("the parent does not seal itself:\n%s", status)
		}
	}
	fmt.Println(h.PID())
	time.Sleep(time.Hour)
}

// A goroutine that is locked to its thread gets what os/exec gives.
func TestDeathSignalIsForTheThreadOfALockedGoroutine(t *testing.T) {
	if childtest.Private && !childtest.Autoreaps() {
		t.Skip("private children have parents of their own")
	}
	childtest.NeedBackend(t)
	var h ward.Handle
	onMortalThread(func() {
		in, _ := childtest.Pipe(t)
		attr := &ward.Attr{
			Files: []*os.File{in},
			Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM},
		}
		h, _ = childtest.TryStart(attr, "stdin", "0")
	})
	if h == nil {
		t.Fatal("no child")
	}
	if state := childtest.Wait(t, h); state.Signal() != syscall.SIGTERM {
		t.Errorf("the child of a thread that has ended: %v", state)
	}
}

func TestKillOnParentExitRefusesAnotherDeathSignal(t *testing.T) {
	for sig, want := range map[syscall.Signal]error{
		0:               nil,
		syscall.SIGKILL: nil,
		syscall.SIGTERM: errors.ErrUnsupported,
	} {
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
