//go:build unix

package ward_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wardproc/ward"
)

// What a round costs grows with the children; what all rounds cost must not
// grow with the exits.
func TestRoundsTakeABoundedShareOfTheTime(t *testing.T) {
	for _, cost := range []time.Duration{0, time.Millisecond, 3 * time.Millisecond} {
		n := 0
		begin := time.Now()
		ward.Pace(5, func() {
			n++
			time.Sleep(cost)
		})
		if all := time.Since(begin); n != 5 || all < 5*20*cost {
			t.Errorf("%d rounds of %v in %v", n, cost, all)
		}
	}
}

// An idle program is not to be woken every second for what has never been missed.
func TestScansWithoutSignalBecomeRareWhileTheyFindNothing(t *testing.T) {
	const s = time.Second
	got := ward.TimedScans(false, false, false, false, true, false, false)
	want := []time.Duration{1 * s, 2 * s, 4 * s, 5 * s, 5 * s, 1 * s, 2 * s}
	if !slices.Equal(got, want) {
		t.Errorf("waits of %v, want %v", got, want)
	}
}

func TestSignalsAreHeardAgainAfterTheProgramHasResetThem(t *testing.T) {
	if !ward.HearsAfterReset() {
		t.Error("no hint")
	}
}
