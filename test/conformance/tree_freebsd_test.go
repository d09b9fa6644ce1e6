package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/wait4"
	"golang.org/x/sys/unix"
)

func init() {
	// generation is a process of a family: it starts the next one, args[1:], which
	// gets a session of its own if args[1] has the word, says its own number, and
	// ends with standard input or, if args[0] says "exit", at once with 6.
	selftest.Register("generation", func(args []string) {
		if len(args) > 1 {
			path, argv, env := selftest.Command("generation", args[1:]...)
			_, err := os.StartProcess(path, argv, &os.ProcAttr{
				Env:   env,
				Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
				Sys:   &syscall.SysProcAttr{Setsid: strings.Contains(args[1], "session")},
			})
			if err != nil {
				fmt.Fprintf(os.Stderr, "generation %q: %v\n", args, err)
				os.Exit(1)
			}
		}
		fmt.Println(os.Getpid())
		if strings.Contains(args[0], "exit") {
			os.Exit(6)
		}
		io.Copy(io.Discard, os.Stdin)
	})
	selftest.Register("reaper", func([]string) { reapAsBefore() })
}

// family is a child with the helper generation and its descendants.
type family struct {
	ward.Handle
	release func()        // has them end
	ended   chan struct{} // closed when the last one has ended
	numbers []int
}

func startFamily(t *testing.T, generations ...string) family {
	t.Helper()
	f, err := tryStartFamily(generations...)
	if err != nil {
		t.Fatalf("%v\n%v", err, ward.Capabilities())
	}
	t.Cleanup(func() {
		f.release()
		f.mustEnd(t)
	})
	return f
}

func tryStartFamily(generations ...string) (family, error) {
	f := family{ended: make(chan struct{})}
	in, hold, err := os.Pipe()
	if err != nil {
		return f, err
	}
	out, w, err := os.Pipe()
	if err != nil {
		return f, err
	}
	f.release = sync.OnceFunc(func() { hold.Close() })
	attr := &ward.Attr{Tree: true, Files: []*os.File{in, w, os.Stderr}}
	f.Handle, err = childtest.TryStart(attr, "generation", generations...)
	in.Close()
	w.Close()
	if err != nil {
		hold.Close()
		out.Close()
		return f, err
	}
	// Whoever has said its number holds w.
	for range generations {
		var number int
		if _, err := fmt.Fscanln(oneByte{out}, &number); err != nil {
			hold.Close()
			out.Close()
			return f, fmt.Errorf("after the numbers %v: %w", f.numbers, err)
		}
		f.numbers = append(f.numbers, number)
	}
	go func() {
		defer close(f.ended)
		io.Copy(io.Discard, out)
		out.Close()
	}()
	return f, nil
}

// oneByte has Fscanln read one line and no byte more.
type oneByte struct{ io.Reader }

func (r oneByte) Read(b []byte) (int, error) { return r.Reader.Read(b[:1]) }

// mustEnd checks that all end, and that nobody is left as a zombie.
func (f family) mustEnd(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
	case <-time.After(20 * time.Second):
		t.Fatalf("of %v somebody lives on", f.numbers)
	}
	<-f.Done()
	for _, number := range f.numbers {
		eventually(t, fmt.Sprintf("kill(%d, 0) to give ESRCH: reaped", number), func() bool {
			return syscall.Kill(number, 0) == syscall.ESRCH
		})
	}
}

func (f family) mustLive(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
		t.Error("nobody lives on")
	case <-time.After(100 * time.Millisecond):
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

// reaper calls procctl(2) for this program, and returns rs_flags of
// PROC_REAP_STATUS.
func reaper(command uintptr) (flags uint32, err error) {
	var status [20]uint32
	var data unsafe.Pointer
	if command == reapStatus {
		data = unsafe.Pointer(&status)
	}
	_, _, errno := unix.Syscall6(unix.SYS_PROCCTL, 0, uintptr(os.Getpid()), command, uintptr(data), 0, 0)
	if errno != 0 {
		return 0, fmt.Errorf("procctl(P_PID, %d, %d): %w", os.Getpid(), command, errno)
	}
	return status[0], nil
}

const (
	reapAcquire = 2
	reapRelease = 3
	reapStatus  = 4

	reaperOwned = 0x1 // REAPER_STATUS_OWNED
)

func isReaper(t *testing.T) bool {
	t.Helper()
	flags, err := reaper(reapStatus)
	if err != nil {
		t.Fatal(err)
	}
	return flags&reaperOwned != 0
}

// needTree skips a test where there is no Attr.Tree, and waits for the end of
// the last one.
func needTree(t *testing.T) {
	t.Helper()
	childtest.NeedSpawnPrograms(t)
	if os.Getpid() == 1 {
		t.Skip("the kernel keeps no subtrees for PID 1")
	}
	roleEnds(t)
}

func roleEnds(t *testing.T) {
	t.Helper()
	eventually(t, "the role of a reaper to be given back", func() bool { return !isReaper(t) })
}

func TestKillTreeKillsAllDescendants(t *testing.T) {
	needTree(t)
	for _, generations := range [][]string{
		{"stay"},
		{"stay", "stay", "stay"},
		{"stay", "session stay", "stay"},
		{"stay", "exit", "stay"}, // an orphan
		{"stay", "session exit", "session exit", "session stay"},
	} {
		t.Run(strings.Join(generations, ","), func(t *testing.T) {
			f := startFamily(t, generations...)
			if err := f.KillTree(); err != nil {
				t.Fatal(err)
			}
			if state := childtest.Wait(t, f); state.Signal() != syscall.SIGKILL {
				t.Errorf("Wait() = %v", state)
			}
			f.mustEnd(t)
			if err := f.KillTree(); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("a second KillTree: %v", err)
			}
		})
	}
}

func TestKillTreeAfterTheExitKillsSessions(t *testing.T) {
	needTree(t)
	for _, generations := range [][]string{
		{"exit", "stay"},
		{"exit", "session exit", "session stay"},
	} {
		t.Run(strings.Join(generations, ","), func(t *testing.T) {
			f := startFamily(t, generations...)
			if state := childtest.Wait(t, f); state.ExitCode() != 6 {
				t.Errorf("Wait() = %v", state)
			}
			f.mustLive(t)
			if err := f.KillTree(); err != nil {
				t.Error(err)
			}
			f.mustEnd(t)
			if err := f.KillTree(); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("a second KillTree: %v", err)
			}
		})
	}
}

func TestKillTreeAfterATheftKillsTheRest(t *testing.T) {
	needTree(t)
	f := startFamily(t, "exit", "session stay")
	var status syscall.WaitStatus
	pid, err := wait4.Try(0, &status, nil)
	for ; err == nil && pid == 0; pid, err = wait4.Try(0, &status, nil) {
		time.Sleep(time.Millisecond)
	}
	stolen := err == nil && pid == f.PID()
	if state := childtest.Wait(t, f); state.ExitCode() != 6 || state.Recovered() != stolen {
		t.Errorf("Wait() = %v, recovered %v; stolen: %v", state, state.Recovered(), stolen)
	}
	f.mustLive(t)
	if err := f.KillTree(); err != nil {
		t.Error(err)
	}
	f.mustEnd(t)
}

// TestWhoIsLetGoOfIsReaped has descendants that outlive the child and its handle.
func TestWhoIsLetGoOfIsReaped(t *testing.T) {
	needTree(t)
	f := startFamily(t, "stay", "stay", "session stay")
	if !isReaper(t) {
		t.Error("the program is no reaper while there is a tree")
	}
	f.Kill()
	childtest.Wait(t, f)
	f.Close()
	f.mustLive(t)
	f.release()
	f.mustEnd(t)
	roleEnds(t)
}

func TestManyTreesAtOnce(t *testing.T) {
	needTree(t)
	n, parallel := 40, 8
	switch {
	case *selftest.Long:
		n = 400
	case testing.Short():
		n = 16
	}
	families := make(chan family, n)
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for range n / parallel {
				f, err := tryStartFamily("exit", "session stay")
				if err != nil {
					t.Error(err)
					return
				}
				families <- f
				<-f.Done()
				if err := f.KillTree(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(families)
	for f := range families {
		f.mustEnd(t)
		f.release()
	}
	roleEnds(t)
}

func TestTreeInPID1IsRefused(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	if os.Getpid() != 1 {
		t.Skip("the test is not run as PID 1")
	}
	h, err := childtest.TryStart(&ward.Attr{Tree: true}, "exit", "0")
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Start with Tree: %v, %v", h, err)
	}
}

func TestReaperKeepsItsRoleAndItsOrphans(t *testing.T) {
	needTree(t)
	childtest.Report(t, nil, "reaper")
}

// reapAsBefore is a program that was a reaper before it had a tree.
func reapAsBefore() {
	if _, err := reaper(reapAcquire); err != nil {
		childtest.Complain("%v", err)
	}
	f, err := tryStartFamily("exit", "stay")
	if err != nil {
		childtest.Complain("%v", err)
	}
	<-f.Done()
	if err := f.KillTree(); err != nil {
		childtest.Complain("%v", err)
	}
	<-f.ended
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, 0, nil) // blocks until the orphan's exit
	for err == syscall.EINTR {
		pid, err = syscall.Wait4(-1, &status, 0, nil)
	}
	if err != nil || pid == f.PID() || status.Signal() != syscall.SIGKILL {
		childtest.Complain("wait4(-1) = %d, %v, status %#x; want one of %v, killed",
			pid, err, status, f.numbers)
	}
	f.Close()
	time.Sleep(100 * time.Millisecond) // the package may do something about the role
	if flags, err := reaper(reapStatus); err != nil || flags&reaperOwned == 0 {
		childtest.Complain("the program's own role: flags %#x, %v", flags, err)
	}
	if _, err := reaper(reapRelease); err != nil {
		childtest.Complain("%v", err)
	}
}
