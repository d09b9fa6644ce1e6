//go:build unix

package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

// A census counts children by what Wait says of them.
type census struct{ right, recovered, lost, wrong atomic.Int64 }

func (c *census) String() string {
	return fmt.Sprintf("%d right, of which %d recovered; %d lost, %d wrong",
		c.right.Load(), c.recovered.Load(), c.lost.Load(), c.wrong.Load())
}

// run starts n children, some at a time, and counts them.
func (c *census) run(n int) {
	const parallel = 16
	var starters sync.WaitGroup
	var next atomic.Int64
	for range parallel {
		starters.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				c.add(byte(i%255 + 1))
			}
		})
	}
	starters.Wait()
}

// add starts a child that exits with the code, and counts it.
func (c *census) add(code byte) {
	path, argv, env := exiting(code)
	h, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env, Brief: code%2 == 0})
	if err != nil {
		childtest.Complain("Start: %v", err)
	}
	switch state, err := h.Wait(context.Background()); {
	case errors.Is(err, ward.ErrStatusLost):
		c.lost.Add(1)
	case err != nil || state.ExitCode() != int(code) || state.Pid() != h.PID():
		c.wrong.Add(1)
		fmt.Printf("pid %d, exit code %d: Wait() = %v, %v\n", h.PID(), code, state, err)
	default:
		c.right.Add(1)
		if state.Recovered() {
			c.recovered.Add(1)
		}
	}
}

// check complains if a status is wrong, or missing where the tier has it.
func (c *census) check(n int) {
	tier := childtest.Tier()
	if c.wrong.Load() > 0 || c.right.Load()+c.lost.Load() != int64(n) {
		childtest.Complain("want %d, right or lost", n)
	}
	// A kqueue hears of a child only once that is registered.
	if tier >= ward.TierRecoverable && c.lost.Load() > 0 && ward.Capabilities().Backend != "kqueue" {
		childtest.Complain("statuses were lost on the %v tier", tier)
	}
	if tier == ward.TierDetectable && c.recovered.Load() > 0 {
		childtest.Complain("statuses were recovered on the %v tier", tier)
	}
}
