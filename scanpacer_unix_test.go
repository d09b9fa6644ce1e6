//go:build unix

package ward_test

import (
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
