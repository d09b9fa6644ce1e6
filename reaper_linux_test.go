package ward_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

// However many children exit, and live: a Reaper's rounds take a bounded share.
func TestReaperRestsTwentyTimesAsLongAsItWorks(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var rounds int
	var busy time.Duration
	over := make(chan struct{})
	begin := time.Now()
	go func() {
		defer close(over)
		rounds, busy = ward.RunCounted(ctx, new(ward.Reaper))
	}()
	for range 20 {
		childtest.StartHeld(t)
	}
	for i := range 100 {
		h := childtest.Start(t, nil, "exit", strconv.Itoa(i))
		if state := childtest.Wait(t, h); state.ExitCode() != i {
			t.Errorf("child %d: %v", i, state)
		}
	}
	cancel()
	<-over
	all := time.Since(begin)
	t.Logf("%d rounds for 100 exits, %v of %v", rounds, busy, all)
	if rounds == 0 || 20*busy > all {
		t.Errorf("%d rounds took %v of %v", rounds, busy, all)
	}
}
