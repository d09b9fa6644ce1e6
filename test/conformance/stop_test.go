package conformance_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

// unaskable is a Handle that can be killed and answers other signals with err.
type unaskable struct {
	ward.Handle
	err error
}

func (u unaskable) Signal(sig os.Signal) error {
	if sig == os.Kill {
		return u.Handle.Signal(sig)
	}
	return u.err
}

// TestStopKillsWhatCannotBeAsked has an error like that of a Windows program
// without a console.
func TestStopKillsWhatCannotBeAsked(t *testing.T) {
	h := unaskable{childtest.StartHeld(t), errors.New("the handle is invalid")}
	state, err := ward.Stop(context.Background(), h, ward.Step{Signal: os.Interrupt, Wait: time.Hour}, ward.Step{Signal: os.Kill})
	if err != nil || !killed(state) {
		t.Errorf("Stop() = %v, %v; want a killed child", state, err)
	}
}

func TestStopEndsWithItsHandle(t *testing.T) {
	h := childtest.StartHeld(t)
	closed := unaskable{h, &ward.Error{Op: "signal", PID: h.PID(), Err: ward.ErrClosed}}
	if state, err := ward.Stop(context.Background(), closed); !errors.Is(err, ward.ErrClosed) {
		t.Errorf("Stop() = %v, %v; want ErrClosed", state, err)
	}
	if _, err := h.TryWait(); err != ward.ErrRunning {
		t.Errorf("TryWait: %v", err)
	}
}
