package main

import (
	"errors"
	"math"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// fakeLibrary starts nothing. It counts, and its children end as wait says.
type fakeLibrary struct {
	starts atomic.Int64
	alloc  int // objects that each start allocates
	end    func(argv []string) (int, error)
}

var sink atomic.Pointer[[64]byte]

func (f *fakeLibrary) start(_ program, argv []string, _ []*os.File) (child, error) {
	f.starts.Add(1)
	for range f.alloc {
		sink.Store(new([64]byte))
	}
	return argv, nil
}

func (f *fakeLibrary) wait(c child) (int, error) {
	if f.end == nil {
		return 0, nil
	}
	return f.end(c.([]string))
}

func TestRateCountsTheChildrenOfAllGoroutines(t *testing.T) {
	lib := &fakeLibrary{end: func([]string) (int, error) { time.Sleep(time.Millisecond); return 0, nil }}
	r := &runner{lib: lib}
	if err := r.warmUp(); err != nil {
		t.Fatal(err)
	}
	warm := lib.starts.Load()
	const d = 300 * time.Millisecond
	rate, err := r.rate(4, d)
	if err != nil {
		t.Fatal(err)
	}
	want := float64(lib.starts.Load()-2*warm) / d.Seconds()
	if rate > want || rate < want/2 {
		t.Errorf("rate is %.0f/s, want a little under %.0f/s", rate, want)
	}
	if most := 4 / 0.001; rate > most {
		t.Errorf("rate is %.0f/s, more than four at a time can be", rate)
	}
}

func TestTimesHasOneForEachChild(t *testing.T) {
	lib := &fakeLibrary{end: func([]string) (int, error) { time.Sleep(time.Millisecond); return 0, nil }}
	times, err := (&runner{lib: lib}).times(5)
	if err != nil {
		t.Fatal(err)
	}
	if len(times) != 5 || slices.Min(times) < float64(time.Millisecond) {
		t.Errorf("times are %v ns, want 5 of more than 1 ms", times)
	}
}

func TestAllocsAreThoseOfOneChild(t *testing.T) {
	result, err := measureAllocs(&fakeLibrary{alloc: 3}, cell{Size: 1000})
	if err != nil {
		t.Fatal(err)
	}
	// The child itself, boxed, is one more; the race detector adds some.
	if got := result["allocs"][0]; math.Abs(got-4) > 0.5 {
		t.Errorf("%v allocations, want 4", got)
	}
	if got := result["bytes"][0]; got < 3*64 || got > 3*64+64 {
		t.Errorf("%v bytes, want a little over %d", got, 3*64)
	}
	runtime.GC() // closes the runner's files
}

func TestStatusesAreCountedForWhatTheyAre(t *testing.T) {
	// Of the 256 codes one in four is lost and one in four wrong.
	lib := &fakeLibrary{end: func(argv []string) (int, error) {
		code := 0
		if len(argv) > 1 {
			code = int(argv[1][0])
		}
		switch code % 4 {
		case 0:
			return 0, errors.New("lost")
		case 1:
			return code + 1, nil
		}
		return code, nil
	}}
	counts, err := countStatuses(&runner{lib: lib}, 512)
	if err != nil {
		t.Fatal(err)
	}
	if counts["right"][0] != 256 || counts["lost"][0] != 128 || counts["wrong"][0] != 128 {
		t.Errorf("counts are %v, want 256 right, 128 lost, 128 wrong", counts)
	}
}

func TestOpenManyOpensThatMany(t *testing.T) {
	files, err := openMany(50)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uintptr]bool{}
	for _, f := range files {
		seen[f.Fd()] = true
	}
	closeAll(t, files)
	if len(seen) != 50 {
		t.Errorf("%d descriptors, want 50", len(seen))
	}
}

func TestWantZero(t *testing.T) {
	if err := wantZero(0, nil); err != nil {
		t.Error(err)
	}
	if wantZero(1, nil) == nil || wantZero(-1, nil) == nil || wantZero(0, errors.New("lost")) == nil {
		t.Error("a child that failed passes")
	}
}

func TestFirstErrorOfAGoroutineInWaitIsKept(t *testing.T) {
	lib := &fakeLibrary{end: func(argv []string) (int, error) { return len(argv), nil }}
	g := &goroutines{lib: lib}
	for _, argv := range [][]string{{}, {"one"}, {}} {
		g.watch(argv)
	}
	if err := g.wait(); err == nil {
		t.Error("a child that exited with 1 is no error")
	}
}
