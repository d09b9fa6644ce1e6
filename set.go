package ward

import (
	"container/list"
	"context"
	"iter"

	"github.com/wardproc/ward/internal/lockorder"
)

// A Set answers the question of a worker pool: who finished next? Each
// operation costs the same with one member as with ten thousand, and a member
// needs no goroutine, but for the one that a child has on the fallback backend.
// The zero Set is empty and ready for use. Its methods may be called from any
// number of goroutines at once.
type Set struct {
	mu       lockorder.Mutex[lockorder.Set] // guards the fields below
	members  map[*process]Handle            // added and not yet returned by Next
	finished []Handle                       // those of them that have exited, in order
	callers  list.List                      // of chan Handle: Next calls that wait
}

// Add makes h a member. It does nothing if h is one already. A process that
// has exited before is returned by Next like any other. Add panics if h is nil.
func (s *Set) Add(h Handle) {
	p := coreOf(h)
	if p == nil {
		panic("ward: Set.Add: " + errNilHandle.Error())
	}
	s.mu.Lock()
	if _, ok := s.members[p]; ok {
		s.mu.Unlock()
		return
	}
	if s.members == nil {
		s.members = make(map[*process]Handle)
	}
	s.members[p] = h
	s.mu.Unlock()
	p.notify(s)
}

// Len returns the number of members: those that run and those that have exited
// but were not yet returned by Next.
func (s *Set) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.members)
}

// Next waits for the next member to exit, removes it from the set and returns
// it: members come in the order of their exits, each to one caller. The
// handle's Wait then returns at once. Next returns [ErrEmpty] when the set has
// no member, or another caller took the last one, and ctx.Err() when ctx ends
// before a member is there.
func (s *Set) Next(ctx context.Context) (Handle, error) {
	s.mu.Lock()
	if len(s.finished) > 0 {
		defer s.mu.Unlock()
		return s.take(), nil
	}
	if len(s.members) == 0 {
		s.mu.Unlock()
		return nil, ErrEmpty
	}
	turn := make(chan Handle, 1)
	place := s.callers.PushBack(turn)
	s.mu.Unlock()

	select {
	case h := <-turn:
		return result(h)
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case h := <-turn: // handed over in the meantime
		return result(h)
	default:
		s.callers.Remove(place)
		return nil, ctx.Err()
	}
}

// All yields the members in the order of their exits, with how they ended,
// until the set is empty or ctx ends. The State is nil where the handle's Wait
// returns an error.
func (s *Set) All(ctx context.Context) iter.Seq2[Handle, *State] {
	return func(yield func(Handle, *State) bool) {
		for {
			h, err := s.Next(ctx)
			if err != nil {
				return
			}
			if state, _ := h.Wait(ctx); !yield(h, state) {
				return
			}
		}
	}
}

// exited is called once for each member when it has exited.
func (s *Set) exited(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = append(s.finished, s.members[p])
	if first := s.callers.Front(); first != nil {
		s.callers.Remove(first).(chan Handle) <- s.take()
	}
	if len(s.members) > 0 {
		return
	}
	for e := s.callers.Front(); e != nil; e = s.callers.Front() {
		close(s.callers.Remove(e).(chan Handle))
	}
}

// take removes the first of the finished members. The caller holds mu.
func (s *Set) take() Handle {
	h := s.finished[0]
	s.finished[0] = nil
	s.finished = s.finished[1:]
	delete(s.members, h.core())
	return h
}

// result is what a waiting Next received: a closed channel is an empty set.
func result(h Handle) (Handle, error) {
	if h == nil {
		return nil, ErrEmpty
	}
	return h, nil
}

// coreOf returns the process of h, or nil if h is nil, or embeds a Handle that is.
func coreOf(h Handle) (p *process) {
	defer func() { recover() }()
	return h.core()
}
