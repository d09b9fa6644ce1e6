package main

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestScheduleWithoutDeadlineTakesTurns(t *testing.T) {
	a, b := &group{size: 1}, &group{size: 2}
	s := &schedule{groups: []*group{a, b}, rounds: 2}
	var turns []int
	for g := s.next(time.Now()); g != nil; g = s.next(time.Now()) {
		turns = append(turns, g.size)
		g.rounds++
		g.spent += time.Hour * time.Duration(g.size)
	}
	if want := []int{1, 2, 1, 2}; !slices.Equal(turns, want) {
		t.Errorf("turns are %v, want %v", turns, want)
	}
}

func TestScheduleWithDeadlineRepeatsWhatIsQuick(t *testing.T) {
	begin := time.Now()
	quick, slow := &group{size: 1}, &group{size: 20}
	s := &schedule{groups: []*group{slow, quick}, rounds: 3, deadline: begin.Add(30 * time.Second)}
	at := begin
	for g := s.next(at); g != nil; g = s.next(at) {
		took := time.Duration(g.size) * time.Second
		g.rounds++
		g.spent += took
		at = at.Add(took)
	}
	if quick.rounds != 3 || slow.rounds != 1 {
		t.Errorf("the quick one had %d rounds and the slow one %d, want 3 and 1", quick.rounds, slow.rounds)
	}
	if at.After(s.deadline) {
		t.Errorf("ended %v after the deadline", at.Sub(s.deadline))
	}
}

func TestNothingStartsAfterTheDeadline(t *testing.T) {
	g := &group{bc: rateCase(), size: 8, libraries: []string{wardName}}
	s := &schedule{groups: []*group{g}, rounds: 1, deadline: time.Now().Add(-time.Second)}
	if s.next(time.Now()) != nil {
		t.Error("a group starts after the deadline")
	}
	if notes := unmeasured(s.groups); len(notes) != 1 {
		t.Errorf("notes are %q, want one", notes)
	}
}

func TestLibrariesTakeTurnsAtBeingFirst(t *testing.T) {
	g := &group{libraries: []string{"a", "b", "c"}}
	var orders [][]string
	for range 4 {
		orders = append(orders, g.inOrder())
		g.rounds++
	}
	want := [][]string{{"a", "b", "c"}, {"b", "c", "a"}, {"c", "a", "b"}, {"a", "b", "c"}}
	if !reflect.DeepEqual(orders, want) {
		t.Errorf("orders are %v, want %v", orders, want)
	}
}

func TestLibraryThatFailsIsTriedOnce(t *testing.T) {
	g := &group{bc: rateCase(), size: 1, libraries: []string{osExecName}, failed: map[string]bool{}}
	b := &bench{self: t.TempDir() + "/missing"}
	runs, err := b.take(t.Context(), &schedule{groups: []*group{g}, rounds: 3}, cell{}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 1 || runs[0].Error == "" {
		t.Errorf("runs are %+v, want one with an error", runs)
	}
	if notes := failures(runs); len(notes) != 1 {
		t.Errorf("notes are %q, want one", notes)
	}
}

func TestRunThatTheDeadlineCutsOffIsMissingAndNotFailed(t *testing.T) {
	p, err := preparePrograms(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := &group{bc: rateCase(), size: 1, libraries: []string{osExecName}, failed: map[string]bool{}}
	s := &schedule{groups: []*group{g}, rounds: 1, deadline: time.Now().Add(200 * time.Millisecond)}
	runs, err := selfBench(t).take(t.Context(), s, cell{Programs: p, Time: time.Minute}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 1 || runs[0].Error != outOfTime {
		t.Errorf("runs are %+v, want one out of time", runs)
	}
	if (&report{Runs: runs}).failed() {
		t.Error("the report counts as failed")
	}
	if !(&report{Runs: []run{{Error: "no such file"}}}).failed() {
		t.Error("a report with an error does not count as failed")
	}
}

func TestGroupsWithoutPeerLeaveItsColumnOut(t *testing.T) {
	o := options{Cases: []string{"rate"}, Libraries: allLibraries, At: []int{1, 8}}
	groups, _ := groupsOf(o, programs{Small: true}, "")
	if len(groups) != 2 || !slices.Equal(groups[0].libraries, bothLibraries) {
		t.Errorf("groups are %+v, want two with %v", groups, bothLibraries)
	}
	groups, _ = groupsOf(o, programs{Small: true}, "/peer")
	if !slices.Equal(groups[0].libraries, withPeer) {
		t.Errorf("libraries are %v, want %v", groups[0].libraries, withPeer)
	}
}

func TestSizesAreLoweredInWords(t *testing.T) {
	limits := []limit{{5000, "this allows"}, {300, "that allows"}}
	sizes, notes := capSizes("live", []int{100, 1000, 8000}, limits)
	if want := []int{100, 300}; !slices.Equal(sizes, want) {
		t.Errorf("sizes are %v, want %v", sizes, want)
	}
	want := []string{
		"live: 300 instead of 1,000, as many as that allows",
		"live: 300 instead of 8,000, as many as that allows",
	}
	if !slices.Equal(notes, want) {
		t.Errorf("notes are %q, want %q", notes, want)
	}
	if sizes, _ := capSizes("live", []int{100}, []limit{{-5, "nothing allows"}}); len(sizes) > 0 {
		t.Errorf("sizes are %v where none is allowed", sizes)
	}
}

func TestSelfAsChildLimitsTheLive(t *testing.T) {
	sizes, _ := liveCase().sizes(options{Live: []int{100_000}}, programs{Small: false})
	if slices.Max(sizes) > selfLimit {
		t.Errorf("sizes are %v, want at most %d", sizes, selfLimit)
	}
}
