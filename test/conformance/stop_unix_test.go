//go:build unix

package conformance_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	// stubborn says when it has got used to SIGTERM, and lives on.
	selftest.Register("stubborn", func([]string) {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Minute)
	})
	// polite says when it is ready for SIGTERM, and exits with 33 when it comes.
	selftest.Register("polite", func([]string) {
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		fmt.Println("ready")
		<-asked
		os.Exit(33)
	})
}

func startStubborn(t *testing.T) ward.Handle {
	t.Helper()
	return startReady(t, "stubborn")
}

// startReady starts a helper that says when it is ready. It ends with the test.
func startReady(t *testing.T, helper string) ward.Handle {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := childtest.Start(t, &ward.Attr{Files: []*os.File{nil, w, os.Stderr}}, helper)
	w.Close()
	t.Cleanup(func() { h.Kill(); <-h.Done() })
	if _, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestStopAsksFirst(t *testing.T) {
	state, err := ward.Stop(context.Background(), childtest.StartHeld(t))
	if err != nil || state.Signal() != syscall.SIGTERM {
		t.Errorf("Stop() = %v, %v; want SIGTERM", state, err)
	}
}

func TestStopGoesOnToTheNextStep(t *testing.T) {
	state, err := ward.Stop(context.Background(), startStubborn(t),
		ward.Step{Signal: strangeSignal{}, Wait: time.Hour}, // failed: not waited for
		ward.Step{Signal: noSignal, Wait: time.Hour},
		ward.Step{Signal: syscall.SIGTERM, Wait: 20 * time.Millisecond},
		ward.Step{Signal: syscall.SIGKILL})
	if err != nil || state.Signal() != syscall.SIGKILL {
		t.Errorf("Stop() = %v, %v; want SIGKILL", state, err)
	}
}

// noSignal has a number that the system refuses.
const noSignal = syscall.Signal(1000)

func TestStopReturnsTheErrorOfTheLastStep(t *testing.T) {
	h := childtest.StartHeld(t)
	for _, steps := range [][]ward.Step{
		{{Signal: noSignal}},
		{{Signal: strangeSignal{}}, {Signal: noSignal}},
	} {
		if state, err := ward.Stop(context.Background(), h, steps...); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Stop() = %v, %v; want EINVAL", state, err)
		}
	}
	if _, err := h.TryWait(); err != ward.ErrRunning {
		t.Errorf("TryWait: %v", err)
	}
}

func TestStopEndsWithItsContext(t *testing.T) {
	h := startStubborn(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if state, err := ward.Stop(ctx, h); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop() = %v, %v", state, err)
	}
	if _, err := h.TryWait(); err != ward.ErrRunning {
		t.Errorf("TryWait: %v", err)
	}
}

func TestStopOfAnExitedProcessReturnsItsState(t *testing.T) {
	h := childtest.Start(t, nil, "exit", "7")
	childtest.Wait(t, h)
	if state, err := ward.Stop(context.Background(), h); err != nil || state.ExitCode() != 7 {
		t.Errorf("Stop() = %v, %v", state, err)
	}
}

func TestStopHasAStoppedChildHandleTheSignal(t *testing.T) {
	h := startReady(t, "polite")
	if err := h.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	state, err := ward.Stop(context.Background(), h)
	if err != nil || state.ExitCode() != 33 {
		t.Errorf("Stop() = %v, %v; want exit status 33", state, err)
	}
}

// recorder is a Handle that notes what it is sent.
type recorder struct {
	ward.Handle
	sent []os.Signal
}

func (r *recorder) Signal(sig os.Signal) error {
	r.sent = append(r.sent, sig)
	return r.Handle.Signal(sig)
}

func TestStopWakesNobodyWhoIsToStopOrIsKilled(t *testing.T) {
	h := &recorder{Handle: childtest.StartHeld(t).Handle}
	steps := []ward.Step{
		{Signal: syscall.Signal(0)},
		{Signal: syscall.SIGCONT},
		{Signal: syscall.SIGSTOP},
		{Signal: syscall.SIGKILL},
	}
	if state, err := ward.Stop(context.Background(), h, steps...); err != nil || !state.Signaled() {
		t.Errorf("Stop() = %v, %v", state, err)
	}
	if len(h.sent) != len(steps) {
		t.Errorf("Stop has sent %v for %v", h.sent, steps)
	}
}
