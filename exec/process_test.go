package exec_test

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/exec"
)

// held returns a started command that ends with its standard input.
func held(t *testing.T) (cmd *exec.Cmd, release func() error) {
	t.Helper()
	cmd = command(t, "stdin", "0")
	stdin, err := cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Handle().Kill()
		cmd.Wait()
	})
	return cmd, stdin.Close
}

func TestProcessIsTheChild(t *testing.T) {
	cmd, release := held(t)
	if cmd.Process.Pid != cmd.Handle().PID() {
		t.Errorf("Pid is %d, the handle's %d", cmd.Process.Pid, cmd.Handle().PID())
	}
	err := cmd.Process.WithHandle(func(uintptr) {})
	if err != nil && !errors.Is(err, os.ErrNoHandle) {
		t.Errorf("WithHandle: %v", err)
	}
	if cmd.ProcessState != nil || cmd.ProcessState.ExitCode() != -1 || cmd.ProcessState.String() != "<nil>" {
		t.Errorf("before Wait the state is %v, code %d", cmd.ProcessState, cmd.ProcessState.ExitCode())
	}
	release()
	state, err := cmd.Process.Wait()
	check(t, err)
	check(t, cmd.Wait())
	if again, err := cmd.Process.Wait(); err != nil || again != state || cmd.ProcessState != state {
		t.Errorf("Wait again: %p, %v; the Cmd has %p, the first was %p", again, err, cmd.ProcessState, state)
	}
	if state.Pid() != cmd.Process.Pid || !state.Success() || !state.Exited() {
		t.Errorf("state %v of %d", state, state.Pid())
	}
}

func TestSignalOfAProcessThatIsGoneSaysSo(t *testing.T) {
	cmd, release := held(t)
	release()
	<-cmd.Handle().Done() // nobody has called Wait
	for name, err := range map[string]error{
		"Kill":       cmd.Process.Kill(),
		"Signal":     cmd.Process.Signal(os.Interrupt),
		"WithHandle": cmd.Process.WithHandle(func(uintptr) {}),
	} {
		if err != os.ErrProcessDone {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReleaseLetsGoOfTheChild(t *testing.T) {
	cmd, release := held(t)
	done := cmd.Handle().Done()
	check(t, cmd.Process.Release())
	if cmd.Process.Pid != -1 && runtime.GOOS != "windows" {
		t.Errorf("Pid is %d", cmd.Process.Pid)
	}
	if _, err := cmd.Process.Wait(); err != error(syscall.EINVAL) {
		t.Errorf("Process.Wait: %v", err)
	}
	self, err := os.FindProcess(os.Getpid())
	check(t, err)
	self.Release()
	if err, want := cmd.Process.Kill(), self.Kill(); err == nil || err.Error() != want.Error() {
		t.Errorf("Kill: %v, in package os %v", err, want)
	}
	if err := cmd.Process.WithHandle(func(uintptr) {}); err == nil || err.Error() != "os: process already released" {
		t.Errorf("WithHandle: %v", err)
	}
	again := cmd.Process.Release()
	if want := runtime.GOOS == "windows"; (again != nil) != want {
		t.Errorf("second Release: %v", again)
	}
	release()
	<-done
}

func TestProcessOfNobodyIsRefused(t *testing.T) {
	p := new(exec.Process)
	_, waitErr := p.Wait()
	for name, err := range map[string]error{"Wait": waitErr, "Kill": p.Kill(), "WithHandle": p.WithHandle(nil)} {
		if err == nil {
			t.Errorf("%s of a zero Process: no error", name)
		}
	}
	// As in package os, where it makes of it a Process that is released.
	if err := p.Release(); err != nil {
		t.Errorf("Release of a zero Process: %v", err)
	}
	if err := p.Kill(); err == nil || err.Error() != "os: process already released" {
		t.Errorf("Kill after Release of a zero Process: %v", err)
	}
	if h := new(exec.Cmd).Handle(); h != nil {
		t.Errorf("Handle before Start: %v", h)
	}
}

func TestAttributesAreThoseOfWard(t *testing.T) {
	for name, set := range map[string]func(*exec.Cmd){
		"Private":          func(cmd *exec.Cmd) { cmd.Private = true },
		"KillOnParentExit": func(cmd *exec.Cmd) { cmd.KillOnParentExit = true },
		"Tree":             func(cmd *exec.Cmd) { cmd.Tree = true },
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t, "write", "1", "0", "0")
			set(cmd)
			out, err := cmd.Output()
			if errors.Is(err, errors.ErrUnsupported) {
				var typed *ward.Error
				if !errors.As(err, &typed) || cmd.Process != nil {
					t.Errorf("Output: %T %v, Process %v", err, err, cmd.Process)
				}
				t.Skip(err)
			}
			check(t, err)
			if string(out) != "o" {
				t.Errorf("output %q", out)
			}
			err = cmd.Handle().KillTree()
			if tree := !errors.Is(err, errors.ErrUnsupported); tree != (name == "Tree") {
				t.Errorf("KillTree: %v", err)
			}
		})
	}
}

func TestReleaseAfterTheExitLeavesTheProcessDone(t *testing.T) {
	cmd := command(t, "exit", "0")
	check(t, cmd.Run())
	p := cmd.Process
	if err := p.Release(); err != nil && runtime.GOOS != "windows" {
		t.Error(err)
	}
	if runtime.GOOS == "windows" {
		return // where a released process is one that Wait has seen
	}
	for name, err := range map[string]error{
		"Kill": p.Kill(), "Signal": p.Signal(os.Interrupt), "WithHandle": p.WithHandle(func(uintptr) {}),
	} {
		if err != os.ErrProcessDone {
			t.Errorf("%s after Wait and Release: %v", name, err)
		}
	}
	if _, err := p.Wait(); err == nil || errors.Is(err, syscall.EINVAL) {
		t.Errorf("Wait after Wait and Release: %v", err)
	}
}

func TestCopyOfACmdGetsTheState(t *testing.T) {
	cmd := command(t, "exit", "3")
	check(t, cmd.Start())
	other := *cmd
	if err := other.Wait(); err == nil || other.ProcessState == nil || other.ProcessState.ExitCode() != 3 {
		t.Errorf("the copy's Wait: %v, %v", err, other.ProcessState)
	}
}
