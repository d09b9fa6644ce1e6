package exec_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/exec"
	"github.com/wardproc/ward/internal/childtest"
)

func TestWaitGivesEveryCallerTheSameResult(t *testing.T) {
	cmd := command(t, "stdin", "3")
	stdin, err := cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	errs := make(chan error, 20)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() { errs <- cmd.Wait() })
	}
	stdin.Close()
	wg.Wait()
	first := cmd.Wait()
	if exit, ok := first.(*exec.ExitError); !ok || exit.ExitCode() != 3 || exit.ProcessState != cmd.ProcessState {
		t.Fatalf("Wait: %v", first)
	}
	for range cap(errs) {
		if err := <-errs; err != first {
			t.Errorf("Wait returned %v to one caller and %v to another", first, err)
		}
	}
}

func TestWaitBeforeStartIsAnError(t *testing.T) {
	if err := helper("exit", "0").Wait(); err == nil || err.Error() != "exec: not started" {
		t.Errorf("Wait: %v", err)
	}
}

// leftBehind returns a started command that exits at once and leaves a child
// with its outputs, which ends with the test at the latest.
func leftBehind(t *testing.T, set func(*exec.Cmd)) *exec.Cmd {
	t.Helper()
	cmd := command(t, "leave")
	r, _ := pipe(t)
	cmd.Stdin = r
	set(cmd)
	check(t, cmd.Start())
	return cmd
}

func TestWaitDelayNamesThePipesThatStayOpen(t *testing.T) {
	for want, set := range map[string]func(*exec.Cmd){
		"stdout":            func(cmd *exec.Cmd) { cmd.Stdout = new(bytes.Buffer) },
		"stderr":            func(cmd *exec.Cmd) { cmd.Stderr = new(bytes.Buffer) },
		"stdout and stderr": func(cmd *exec.Cmd) { cmd.Stdout = new(bytes.Buffer); cmd.Stderr = cmd.Stdout },
	} {
		cmd := leftBehind(t, func(cmd *exec.Cmd) {
			set(cmd)
			cmd.WaitDelay = 20 * time.Millisecond
		})
		err := cmd.Wait()
		text := "exec: WaitDelay expired before I/O complete: " + want + " still open after 20ms"
		if !errors.Is(err, exec.ErrWaitDelay) || err.Error() != text {
			t.Errorf("Wait: %v, want %s", err, text)
		}
		if !cmd.ProcessState.Success() {
			t.Errorf("the child ended with %v", cmd.ProcessState)
		}
	}
}

func TestWithoutWaitDelayWaitReadsToTheEnd(t *testing.T) {
	cmd := command(t, "leave")
	r, w := pipe(t)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout = r, &out
	check(t, cmd.Start())
	<-cmd.Handle().Done()
	result := make(chan error)
	go func() { result <- cmd.Wait() }()
	select {
	case err := <-result:
		t.Fatalf("Wait returned %v while a grandchild held the pipe", err)
	case <-time.After(20 * time.Millisecond):
	}
	r.Close()
	w.Close()
	check(t, <-result)
}

// TestWaitDelayEndsWhatIsLeftOfATree has a grandchild that holds the copied
// standard error, and standard output until its own end.
func TestWaitDelayEndsWhatIsLeftOfATree(t *testing.T) {
	if !childtest.ReachesOrphans() {
		t.Skip("KillTree does not reach what outlives the child")
	}
	r, w := pipe(t)
	cmd := command(t, "leave")
	stdin, _ := pipe(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, w, new(bytes.Buffer)
	cmd.Tree = true
	cmd.WaitDelay = 20 * time.Millisecond
	if err := cmd.Start(); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else {
		check(t, err)
	}
	w.Close()
	if err := cmd.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("Wait: %v", err)
	}
	_, err := io.ReadAll(r) // which ends with the grandchild
	check(t, err)
}

// interruptible returns a started command with a context, after its first line.
func interruptible(t *testing.T, name string, set func(*exec.Cmd)) (cmd *exec.Cmd, stdout io.Reader, cancel context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	cmd = commandContext(t, ctx, name)
	r, _ := pipe(t)
	cmd.Stdin = r
	set(cmd)
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	if err := cmd.Start(); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else {
		check(t, err)
	}
	if _, err := stdout.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	return cmd, stdout, cancel
}

func TestEndOfContextKillsTheChild(t *testing.T) {
	cmd, _, cancel := interruptible(t, "deaf", func(*exec.Cmd) {})
	cancel()
	err := cmd.Wait()
	if exit, ok := err.(*exec.ExitError); !ok || exit.Success() {
		t.Errorf("Wait: %T %v", err, err)
	}
}

func TestEndOfContextIsNoErrorOfAChildThatIsGone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := commandContext(t, ctx, "exit", "0")
	kill, killed := cmd.Cancel, make(chan struct{})
	cmd.Cancel = func() error {
		defer close(killed)
		return kill()
	}
	check(t, cmd.Start())
	<-cmd.Handle().Done()
	cancel()
	<-killed
	check(t, cmd.Wait())
}

func TestCancelDecidesWhatWaitReturns(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no interrupt for a child in our process group")
	}
	own := errors.New("own")
	for name, test := range map[string]struct {
		cancel func(*exec.Cmd) error
		want   error
		text   string
	}{
		"interrupt":       {func(*exec.Cmd) error { return nil }, context.Canceled, "context canceled"},
		"own error":       {func(*exec.Cmd) error { return own }, own, "exec: canceling Cmd: own"},
		"gone by itself":  {func(*exec.Cmd) error { return os.ErrProcessDone }, nil, ""},
		"wrapped as gone": {func(*exec.Cmd) error { return &ward.Error{Op: "signal", Err: os.ErrProcessDone} }, nil, ""},
	} {
		cmd, _, cancel := interruptible(t, "polite", func(cmd *exec.Cmd) {
			cmd.Cancel = func() error {
				if err := cmd.Process.Signal(os.Interrupt); err != nil {
					t.Error(err)
				}
				return test.cancel(cmd)
			}
		})
		cancel()
		err := cmd.Wait()
		if !errors.Is(err, test.want) || err != nil && err.Error() != test.text {
			t.Errorf("%s: Wait: %v, want %v", name, err, test.want)
		}
	}
}

func TestWaitDelayKillsAChildThatIgnoresCancel(t *testing.T) {
	for name, cancelFunc := range map[string]func() error{
		"no Cancel":      nil,
		"idle Cancel":    func() error { return nil },
		"failing Cancel": func() error { return errors.New("own") },
	} {
		cmd, _, cancel := interruptible(t, "deaf", func(cmd *exec.Cmd) {
			cmd.Cancel = cancelFunc
			cmd.WaitDelay = 10 * time.Millisecond
		})
		cancel()
		err := cmd.Wait()
		if exit, ok := err.(*exec.ExitError); !ok || exit.Success() {
			t.Errorf("%s: Wait: %T %v", name, err, err)
		}
	}
}

// TestWaitDelayEndsAChildNobodyWaitsFor is about a program that reads all
// output before it calls Wait.
func TestWaitDelayEndsAChildNobodyWaitsFor(t *testing.T) {
	cmd, _, cancel := interruptible(t, "deaf", func(cmd *exec.Cmd) {
		cmd.Cancel = nil
		cmd.WaitDelay = 10 * time.Millisecond
	})
	cancel()
	<-cmd.Handle().Done()
	if err := cmd.Wait(); err == nil {
		t.Error("Wait: no error for a killed child")
	}
}

// TestWaitDelayClosesThePipesOfAProgramThatReadsFirst has a grandchild that
// keeps them open.
func TestWaitDelayClosesThePipesOfAProgramThatReadsFirst(t *testing.T) {
	cmd, stdout, cancel := interruptible(t, "parent", func(cmd *exec.Cmd) {
		cmd.Stderr = new(bytes.Buffer)
		cmd.WaitDelay = 10 * time.Millisecond
	})
	cancel()
	if _, err := io.ReadAll(stdout); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ReadAll: %v", err)
	}
	if exit, ok := cmd.Wait().(*exec.ExitError); !ok || exit.Success() {
		t.Errorf("Wait: %v", exit)
	}
}

// TestWaitDelayOfAChildThatLeftIsAnError has one that exits with 0 before the
// context ends, and a grandchild that keeps a pipe open.
func TestWaitDelayOfAChildThatLeftIsAnError(t *testing.T) {
	cmd, stdout, cancel := interruptible(t, "leave", func(cmd *exec.Cmd) {
		cmd.Stderr = new(bytes.Buffer)
		cmd.WaitDelay = 10 * time.Millisecond
	})
	<-cmd.Handle().Done()
	cancel()
	if _, err := io.ReadAll(stdout); !errors.Is(err, os.ErrClosed) {
		t.Errorf("ReadAll: %v", err)
	}
	if err := cmd.Wait(); !errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("Wait: %v", err)
	}
}

// TestCancelEndsATree has a grandchild that keeps a pipe open, so that Wait does
// not return before its end.
func TestCancelEndsATree(t *testing.T) {
	for _, name := range []string{"parent", "leave"} {
		t.Run(name, func(t *testing.T) {
			if name == "leave" && !childtest.ReachesOrphans() {
				t.Skip("no PIDFD_SIGNAL_PROCESS_GROUP: KillTree does not reach what outlives the child")
			}
			cmd, _, cancel := interruptible(t, name, func(cmd *exec.Cmd) {
				cmd.Stderr = new(bytes.Buffer)
				cmd.Tree = true
			})
			result := make(chan error)
			go func() { result <- cmd.Wait() }()
			if name == "leave" {
				<-cmd.Handle().Done()
				time.Sleep(10 * time.Millisecond) // and Wait has seen it
			}
			cancel()
			err := <-result
			if gone := cmd.ProcessState.Success(); gone != (name == "leave") || gone && err != context.Canceled || err == nil {
				t.Errorf("Wait: %v, the child: %v", err, cmd.ProcessState)
			}
		})
	}
}
