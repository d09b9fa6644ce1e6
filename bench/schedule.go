package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A group is the cells that are compared with each other: one case at one
// size. A round of it measures each library once.
type group struct {
	bc        *benchCase
	size      int
	libraries []string
	rounds    int // done
	spent     time.Duration
	failed    map[string]bool // libraries that need no second try
}

// groupsOf returns what the options ask for and this machine can do, and notes
// on what it cannot.
func groupsOf(o options, p programs, peer string) (groups []*group, notes []string) {
	for _, name := range o.Cases {
		bc := caseNamed(name)
		sizes, said := bc.sizes(o, p)
		notes = append(notes, said...)
		libs := slices.DeleteFunc(slices.Clone(bc.libraries), func(lib string) bool {
			return !slices.Contains(o.Libraries, lib) || isPeer(lib) && peer == ""
		})
		for _, size := range sizes {
			groups = append(groups, &group{bc: bc, size: size, libraries: libs, failed: map[string]bool{}})
		}
	}
	return groups, notes
}

// inOrder returns the libraries of the next round. Each round begins with
// another one, so that none always meets what another left behind.
func (g *group) inOrder() []string {
	if len(g.libraries) == 0 {
		return nil
	}
	first := g.rounds % len(g.libraries)
	return slices.Concat(g.libraries[first:], g.libraries[:first])
}

// A schedule picks the next group. Without a deadline every group gets all its
// rounds, turn by turn. With one, the group that has used the least time comes
// first: so each is measured once, and the quick ones are the ones repeated.
type schedule struct {
	groups   []*group
	rounds   int
	deadline time.Time // zero is none
}

// next returns nil when all is done, or nothing fits into the time left.
func (s *schedule) next(now time.Time) *group {
	var next *group
	for _, g := range s.groups {
		if g.rounds == s.rounds || !s.fits(g, now) {
			continue
		}
		if next == nil || s.before(g, next) {
			next = g
		}
	}
	return next
}

func (s *schedule) fits(g *group, now time.Time) bool {
	if s.deadline.IsZero() {
		return true
	}
	var expected time.Duration
	if g.rounds > 0 {
		expected = g.spent / time.Duration(g.rounds)
	}
	return now.Add(expected).Before(s.deadline)
}

func (s *schedule) before(g, h *group) bool {
	if s.deadline.IsZero() {
		return g.rounds < h.rounds
	}
	return g.spent < h.spent
}

// A run is what came of one cell in one round.
type run struct {
	Round   int
	Case    string
	Size    int
	Library string
	Seconds float64
	Samples samples `json:",omitempty"`
	Error   string  `json:",omitempty"`
}

// outOfTime is the error of a run that the deadline cut off. Such a run is
// missing and not wrong.
const outOfTime = "out of time, see -budget"

// take measures everything that the schedule has, telling progress of each
// step. It fails only when ctx ends.
func (b *bench) take(ctx context.Context, s *schedule, task cell, progress func(string)) ([]run, error) {
	timed := ctx
	if !s.deadline.IsZero() {
		var cancel context.CancelFunc
		timed, cancel = context.WithDeadline(ctx, s.deadline)
		defer cancel()
	}
	var runs []run
	for g := s.next(time.Now()); g != nil; g = s.next(time.Now()) {
		begin := time.Now()
		for _, lib := range g.inOrder() {
			if g.failed[lib] {
				continue
			}
			progress(fmt.Sprintf("%s %s, %s, round %d", g.bc.name, thousands(g.size), lib, g.rounds+1))
			task.Case, task.Size, task.Library = g.bc.name, g.size, lib
			r := b.once(timed, task, g.rounds+1)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			g.failed[lib] = r.Error != ""
			runs = append(runs, r)
		}
		g.rounds++
		g.spent += time.Since(begin)
	}
	return runs, nil
}

// once measures one cell, after a moment in which the kernel can clear up
// after the one before.
func (b *bench) once(ctx context.Context, task cell, round int) run {
	time.Sleep(20 * time.Millisecond)
	begin := time.Now()
	result, err := b.measure(ctx, task)
	r := run{
		Round: round, Case: task.Case, Size: task.Size, Library: task.Library,
		Seconds: time.Since(begin).Seconds(), Samples: result,
	}
	if err != nil {
		r.Samples, r.Error = nil, err.Error()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		r.Error = outOfTime
	}
	return r
}
