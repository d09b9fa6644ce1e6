package ward

import (
	"context"
	"time"
)

// RunCounted is r.Run that counts the scans and the time in them, the last one
// apart, which no cooldown follows.
func RunCounted(ctx context.Context, r *Reaper) (scans int, busy time.Duration) {
	w := newReaping(r)
	defer w.pacer.listen()()
	var last time.Duration
	for w.pacer.awaitNext(ctx.Done()) {
		scans++
		busy += last
		w.pacer.run(func() (found bool) {
			begin := time.Now()
			found = w.scan()
			last = time.Since(begin)
			return found
		})
		w.report()
	}
	return scans, busy
}
