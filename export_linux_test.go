package ward

import (
	"context"
	"time"
)

// RunCounted is r.Run that counts the rounds and the time in them, the last one
// apart, which no rest follows.
func RunCounted(ctx context.Context, r *Reaper) (rounds int, busy time.Duration) {
	w := newReaping(r)
	defer w.rounds.listen()()
	var last time.Duration
	for w.rounds.due(ctx.Done()) {
		rounds++
		busy += last
		w.rounds.round(func() {
			begin := time.Now()
			w.look()
			last = time.Since(begin)
		})
		w.report()
	}
	return rounds, busy
}

// ExitInfo asks for the status of a reaped child.
var ExitInfo = exitInfo
