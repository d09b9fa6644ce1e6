package conformance_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func TestWaitReturnsExitCode(t *testing.T) {
	for _, code := range []int{0, 1, 42, 255} {
		state := childtest.Wait(t, childtest.Start(t, nil, "exit", strconv.Itoa(code)))
		if state.ExitCode() != code || !state.Exited() || state.Success() != (code == 0) {
			t.Errorf("exit %d: got %v, ExitCode %d", code, state, state.ExitCode())
		}
		if want := "exit status " + strconv.Itoa(code); state.String() != want {
			t.Errorf("String() = %q, want %q", state, want)
		}
	}
}

func TestWaitGivesEveryCallerTheSameResult(t *testing.T) {
	h := childtest.StartHeld(t)
	var wg, ended sync.WaitGroup
	results := make(chan *ward.State, 100)
	for i := range 100 {
		group := &wg
		if i%3 == 0 {
			group = &ended
		}
		group.Go(func() {
			ctx := context.Background()
			if i%3 == 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(i)*time.Millisecond/10)
				defer cancel()
			}
			state, err := h.Wait(ctx)
			switch {
			case i%3 == 0 && !errors.Is(err, context.DeadlineExceeded):
				t.Errorf("Wait with a context that ended: %v, %v", state, err)
			case i%3 != 0 && err != nil:
				t.Errorf("Wait: %v", err)
			case i%3 != 0:
				results <- state
			}
		})
	}
	ended.Wait()
	h.Release()
	wg.Wait()
	first := childtest.Wait(t, h)
	for range len(results) {
		if state := <-results; state != first {
			t.Errorf("Wait returned %p to one caller and %p to another", state, first)
		}
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if state, err := h.Wait(over); state != first || err != nil {
		t.Errorf("Wait after the exit with a context that has ended: %v, %v", state, err)
	}
}

func TestTryWaitTellsRunningFromExited(t *testing.T) {
	h := childtest.StartHeld(t)
	if state, err := h.TryWait(); err != ward.ErrRunning || state != nil {
		t.Fatalf("TryWait while it runs: %v, %v", state, err)
	}
	select {
	case <-h.Done():
		t.Fatal("Done is closed while it runs")
	default:
	}
	h.Release()
	<-h.Done()
	if state, err := h.TryWait(); err != nil || !state.Success() {
		t.Fatalf("TryWait after the exit: %v, %v", state, err)
	}
}

func TestKillEndsTheChild(t *testing.T) {
	h := childtest.StartHeld(t)
	if err := h.Kill(); err != nil {
		t.Fatal(err)
	}
	if state := childtest.Wait(t, h); state.Success() {
		t.Errorf("killed child: %v", state)
	}
	if err := h.Kill(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Kill after the exit: %v", err)
	}
}

func TestSignalOfAStrangeTypeIsUnsupported(t *testing.T) {
	h := childtest.StartHeld(t)
	if err := h.Signal(strangeSignal{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Signal: %v", err)
	}
}

type strangeSignal struct{}

func (strangeSignal) String() string { return "strange" }
func (strangeSignal) Signal()        {}

func TestClosedHandleRefusesAndItsChildIsReaped(t *testing.T) {
	h := childtest.StartHeld(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	_, waitErr := h.Wait(context.Background())
	_, tryErr := h.TryWait()
	for call, err := range map[string]error{
		"Wait":       waitErr,
		"TryWait":    tryErr,
		"Signal":     h.Signal(os.Kill),
		"Kill":       h.Kill(),
		"WithHandle": h.WithHandle(func(uintptr) {}),
		"Close":      h.Close(),
	} {
		var typed *ward.Error
		if !errors.Is(err, ward.ErrClosed) || !errors.As(err, &typed) || typed.PID != h.PID() {
			t.Errorf("%s of a closed handle: %v", call, err)
		}
	}
	h.Release()
	<-h.Done()
}

func TestCloseLeavesWaitInProgressAlone(t *testing.T) {
	h := childtest.StartHeld(t)
	result := make(chan error)
	go func() {
		_, err := h.Wait(context.Background())
		result <- err
	}()
	time.Sleep(10 * time.Millisecond)
	h.Close()
	h.Release()
	if err := <-result; err != nil {
		t.Errorf("Wait in progress: %v", err)
	}
}

func TestKillTreeWithoutTreeIsUnsupported(t *testing.T) {
	h := childtest.StartHeld(t)
	if err := h.KillTree(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("KillTree: %v", err)
	}
}

func TestStartGivesWhatIsAskedForOrNamesIt(t *testing.T) {
	always := map[string]string{ // where it is documented
		"Private":          "windows/waitobj freebsd/procdesc",
		"KillOnParentExit": "windows/waitobj freebsd/procdesc linux/pidfd linux/fallback",
		"Tree":             "windows/waitobj freebsd/procdesc linux/pidfd linux/fallback",
	}
	here := runtime.GOOS + "/" + ward.Capabilities().Backend
	for name, attr := range map[string]*ward.Attr{
		"Private":          {Private: true},
		"KillOnParentExit": {KillOnParentExit: true},
		"Tree":             {Tree: true},
	} {
		h, err := childtest.TryStart(attr, "exit", "7")
		if err == nil {
			if state := childtest.Wait(t, h); state.ExitCode() != 7 {
				t.Errorf("child with %s: %v", name, state)
			}
			continue
		}
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), name) || h != nil {
			t.Errorf("Start with %s: %v, %v", name, h, err)
		}
		if strings.Contains(always[name], here) {
			t.Errorf("%s has no %s: %v", here, name, err)
		}
	}
}

func TestIdlePackageHoldsNoGoroutine(t *testing.T) {
	for range 3 { // and starts again
		childtest.Wait(t, childtest.Start(t, nil, "exit", "0"))
		noGoroutines(t)
	}
}

func TestDroppedHandleIsReaped(t *testing.T) {
	childtest.NeedBackend(t)
	for range 20 {
		if _, err := childtest.TryStart(nil, "exit", "1"); err != nil {
			t.Fatal(err)
		}
	}
	noGoroutines(t) // TestMain looks for zombies and descriptors
}

func init() {
	selftest.Register("describe", func(args []string) {
		dir, _ := os.Getwd()
		dir, _ = filepath.EvalSymlinks(dir)
		fmt.Printf("%q\n%s\n%s\n", args, dir, os.Getenv("WARD_TEST_VALUE"))
		_, err := os.Stdin.Read(make([]byte, 1))
		fmt.Println(errors.Is(err, os.ErrInvalid) || err != nil)
	})
}

func TestChildGetsArgumentsDirectoryEnvironmentAndFiles(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir, err := filepath.EvalSymlinks(selftest.TempDir(t))
	if err != nil {
		t.Fatal(err)
	}
	h := childtest.Start(t, &ward.Attr{
		Dir:   dir,
		Env:   []string{"WARD_TEST_VALUE=of the child"},
		Files: []*os.File{nil, w, os.Stderr},
	}, "describe", "one", "two three", "")
	w.Close()
	var lines []string
	for in := bufio.NewScanner(r); in.Scan(); {
		lines = append(lines, in.Text())
	}
	childtest.Wait(t, h)
	want := []string{`["one" "two three" ""]`, dir, "of the child", "true"}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("child reports %q, want %q", lines, want)
	}
}

func TestStateHasResourceUsage(t *testing.T) {
	state := childtest.Wait(t, childtest.Start(t, nil, "exit", "0"))
	if childtest.Private && childtest.Autoreaps() {
		if state.SysUsage() != nil {
			t.Errorf("usage %v of a child that the kernel reaped", state.SysUsage())
		}
		return
	}
	// Windows counts in clock ticks of 16 ms.
	noTime := state.UserTime()+state.SystemTime() <= 0 && runtime.GOOS != "windows"
	if state.SysUsage() == nil || noTime {
		t.Errorf("usage %v, user %v, system %v", state.SysUsage(), state.UserTime(), state.SystemTime())
	}
}
