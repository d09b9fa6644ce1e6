//go:build unix

package exec_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
)

// TestCancelByNumberIsNoErrorOfAChildThatIsGone has a Cancel in the way of many
// programs, whose signal finds nobody. Theirs is SIGKILL and for a group.
func TestCancelByNumberIsNoErrorOfAChildThatIsGone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cmd := commandContext(t, ctx, "exit", "0")
	canceled := make(chan error, 1)
	cmd.Cancel = func() error {
		err := syscall.Kill(cmd.Process.Pid, 0)
		canceled <- err
		return err
	}
	check(t, cmd.Start())
	<-cmd.Handle().Done()
	cancel()
	if err := <-canceled; err != syscall.ESRCH {
		t.Fatalf("kill: %v", err)
	}
	check(t, cmd.Wait())
}

// TestCancelThatMissesTheChild returns what kill(2) has said in words of its own.
func TestCancelThatMissesTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := commandContext(t, ctx, "exit", "0")
	cmd.Cancel = func() error {
		<-cmd.Handle().Done()
		return fmt.Errorf("terminate: %w", syscall.Kill(cmd.Process.Pid, syscall.SIGTERM))
	}
	check(t, cmd.Start())
	cancel()
	check(t, cmd.Wait())
}
