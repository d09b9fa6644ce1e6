package ward

import (
	"context"
	"errors"
	"os"
	"reflect"
	"time"
)

// A Step is one attempt of [Stop] to end a process.
type Step struct {
	Signal os.Signal     // nil sends none
	Wait   time.Duration // how long to wait for the exit before the next step
}

// Stop ends the process of h step by step and returns how it ended. Each step
// sends its signal and waits; after the last one Stop waits for as long as ctx
// lets it. Without steps it asks with SIGTERM, or os.Interrupt where there is
// none, and after 5 seconds kills.
//
// On Unix SIGCONT follows each signal but os.Kill and those that stop a process: a
// child that is stopped can then handle the signal. Whether it is stopped Stop cannot
// know for certain, so one that runs gets SIGCONT, too, which does nothing to it unless
// it has a handler.
//
// A signal that cannot be sent, as os.Interrupt in a Windows program without a
// console, makes a step that failed: the next one follows at once, and only the
// error of the last is returned. Stop returns ctx.Err() when ctx ends first: the
// process then has got the signals so far. A nil h is an error.
func Stop(ctx context.Context, h Handle, steps ...Step) (*State, error) {
	if len(steps) == 0 {
		steps = []Step{{terminate, 5 * time.Second}, {os.Kill, 0}}
	}
	if v := reflect.ValueOf(h); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, &Error{Op: "stop", Err: errNilHandle}
	}
	if state, err := h.TryWait(); err != ErrRunning {
		return state, err
	}
	for i, step := range steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		last := i == len(steps)-1
		if step.Signal != nil {
			err := h.Signal(step.Signal)
			switch {
			case err == nil:
				if wake := wakeUp(step.Signal); wake != nil {
					h.Signal(wake) // in vain if the first one has ended it
				}
			case errors.Is(err, os.ErrProcessDone):
			case last || errors.Is(err, ErrClosed):
				return nil, err
			default:
				continue
			}
		}
		if last {
			break
		}
		timer := time.NewTimer(step.Wait)
		select {
		case <-h.Done():
			timer.Stop()
			return h.Wait(ctx)
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-timer.C:
		}
	}
	return h.Wait(ctx)
}
