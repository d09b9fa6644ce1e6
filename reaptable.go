package ward

import (
	"slices"

	"github.com/wardproc/ward/internal/lockorder"
)

// children is the reap table: the children of handles by number, from before
// anything reaps one until it is reaped, and the starts under way. Whoever waits
// for children that are not his own by name, Wait4 and the Reaper, asks it first.
var children reapTable

type reapTable struct {
	mu     lockorder.Mutex[lockorder.ReapTable] // guards the fields below
	byPID  map[int]*process
	starts startBatches
}

// remove forgets a child that is reaped.
func (t *reapTable) remove(p *process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byPID[p.pid] == p {
		delete(t.byPID, p.pid)
	}
}

// startBatches are the starts under way. Whoever finds a zombie that the table does
// not know waits for those that may own it, and not for all that come later: so
// they are counted in batches.
type startBatches struct {
	open   *startBatch   // which new starts enter
	closed []*startBatch // earlier ones that are not over
}

// A startBatch is the starts that began between two calls of underWay.
type startBatch struct {
	starts int
	over   chan struct{} // closed when starts is 0 and none can enter
}

// beginStart notes a start under way, which endStart ends.
func (t *reapTable) beginStart() *startBatch {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.starts.open == nil {
		t.starts.open = &startBatch{over: make(chan struct{})}
	}
	t.starts.open.starts++
	return t.starts.open
}

func (t *reapTable) endStart(b *startBatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b.starts--
	if i := slices.Index(t.starts.closed, b); i >= 0 && b.starts == 0 {
		t.starts.closed = slices.Delete(t.starts.closed, i, i+1)
		close(b.over)
	}
}
