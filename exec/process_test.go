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
	for name, err := range map[string]error{"Wait": waitErr, "Kill": p.Kill(), "Release": p.Release(), "WithHandle": p.WithHandle(nil)} {
		if err == nil {
			t.Errorf("%s of a zero Process: no error", name)
		}
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
