//go:build unix

package ward

import (
	"slices"
	"sync"
	"time"
)

// table is the reap table: the children of handles by number, from before
// anything reaps one until it is reaped, and the starts under way. Whoever waits
// for children that are not his own by name, Wait4 and the Reaper, asks it first.
var table reapTable

type reapTable struct {
	mu       sync.Mutex // guards the fields below; no process's mu is taken under it
	children map[int]*process
	empty    chan struct{}  // tells the sweeper, if there is one
	joining  *cohort        // of the starts that begin
	waited   []*cohort      // earlier ones that are not over
	parked   map[int]*State // by number, for a start under way: see park
}

// A cohort is the starts that began between two calls of underWay: those that
// may own a zombie that the table does not know.
type cohort struct {
	starts int
	over   chan struct{} // closed when starts is 0 and none can join
}

// begin notes a start under way, which end ends.
func (t *reapTable) begin() *cohort {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.joining == nil {
		t.joining = &cohort{over: make(chan struct{})}
	}
	t.joining.starts++
	return t.joining
}

func (t *reapTable) end(c *cohort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c.starts--
	if i := slices.Index(t.waited, c); i >= 0 && c.starts == 0 {
		t.waited = slices.Delete(t.waited, i, i+1)
		close(c.over)
	}
}

// underWay returns the cohorts of all starts that are under way. The caller
// holds mu.
func (t *reapTable) underWay() []*cohort {
	if t.joining != nil && t.joining.starts > 0 {
		t.waited = append(t.waited, t.joining)
		t.joining = nil
	}
	return slices.Clone(t.waited)
}

// await waits until the starts are over, or for so long, and reports whether
// they are.
func await(starts []*cohort, most time.Duration) bool {
	limit := time.After(most)
	for _, c := range starts {
		select {
		case <-c.over:
		case <-limit:
			return false
		}
	}
	return true
}

// add makes a new child known, before anything can reap it. If Wait4 took its
// status while the start was under way, that is the child's result.
func (t *reapTable) add(p *process) {
	numbers.RLock()
	t.mu.Lock()
	old := t.children[p.pid]
	if t.children == nil {
		t.children = make(map[int]*process)
	}
	t.children[p.pid] = p
	if state, ok := t.parked[p.pid]; ok {
		// It is another's if there is a child of this number again.
		own, err := waitNumber(p.pid)
		switch err {
		case ErrStatusLost:
			p.handed = state
			delete(t.parked, p.pid)
		case nil:
			p.handed = own
		}
	}
	t.mu.Unlock()
	numbers.RUnlock()
	if old != nil {
		old.supersede()
	}
}

// A superseder is a backend that can be told that the number is another child's.
type superseder interface{ supersede() }

// supersede ends a process whose number now is another child's: other code
// must have reaped it.
func (p *process) supersede() {
	p.mu.Lock()
	if b, ok := p.backend.(superseder); ok {
		b.supersede()
	}
	p.mu.Unlock()
	p.reap()
}

// remove forgets a child that is reaped.
func (t *reapTable) remove(p *process) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.children[p.pid] != p {
		return
	}
	delete(t.children, p.pid)
	if len(t.children) == 0 && t.empty != nil {
		select {
		case t.empty <- struct{}{}:
		default:
		}
	}
}

// find returns the handle's process that has the number, or nil and the starts
// that may yet bring one.
func (t *reapTable) find(pid int) (*process, []*cohort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.children[pid]; p != nil {
		return p, nil
	}
	return nil, t.underWay()
}

// starts returns the starts under way.
func (t *reapTable) starts() []*cohort {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.underWay()
}

// park is find for a child whose status Wait4 has taken: it keeps the status for
// the starts, until unpark.
func (t *reapTable) park(state *State) (*process, []*cohort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.children[state.pid]; p != nil {
		return p, nil
	}
	starts := t.underWay()
	if len(starts) > 0 {
		if t.parked == nil {
			t.parked = make(map[int]*State)
		}
		t.parked[state.pid] = state
	}
	return nil, starts
}

// unpark reports whether no start has claimed the status.
func (t *reapTable) unpark(state *State) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.parked[state.pid] != state {
		return false
	}
	delete(t.parked, state.pid)
	return true
}

func (t *reapTable) isParked(state *State) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.parked[state.pid] == state
}

// child returns the handle's process that has the number, or nil.
func (t *reapTable) child(pid int) *process {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.children[pid]
}
