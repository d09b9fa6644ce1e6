package main

import (
	"sync"
	"sync/atomic"
)

// thiefCase lets a goroutine take every exit status that it can get, as an
// init process, an embedded runtime or a C library with a SIGCHLD loop does,
// and counts whose statuses come to the right place all the same.
func thiefCase() *benchCase {
	return &benchCase{
		name:      "thief",
		about:     "-children with known exit codes beside a goroutine that spins on wait4(-1)",
		title:     "%n children beside a wait4(-1) thief, 64 at a time",
		libraries: bothLibraries,
		sizes: func(o options, _ programs) ([]int, []string) {
			if !canSteal {
				return nil, []string{"thief: left out, package syscall has no wait4 with WNOHANG here"}
			}
			return []int{o.Children}, nil
		},
		measure: measureThief,
		metrics: []metric{
			{name: "right", label: "right status", unit: unitCount, higher: true, plain: true},
			{name: "lost", label: "lost status (an error)", unit: unitCount, plain: true},
			{name: "wrong", label: "wrong status", unit: unitCount, plain: true},
		},
	}
}

func measureThief(lib library, c cell) (samples, error) {
	r, err := newRunner(lib, c.Programs.Exit)
	if err != nil {
		return nil, err
	}
	var stop atomic.Bool
	var thief sync.WaitGroup
	thief.Go(func() {
		for !stop.Load() {
			steal()
		}
	})
	counts, err := countStatuses(r, c.Size)
	stop.Store(true)
	thief.Wait()
	return counts, err
}

// countStatuses runs n children with all possible exit codes, 64 at a time,
// and counts what became of the codes.
func countStatuses(r *runner, n int) (samples, error) {
	const atOnce = 64
	var next atomic.Int64
	var t tally
	errs := make(chan error, atOnce)
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := t.run(r, byte(i)); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
	}
	return samples{
		"right": {float64(t.right.Load())},
		"lost":  {float64(t.lost.Load())},
		"wrong": {float64(t.wrong.Load())},
	}, nil
}

// A tally counts what came of exit statuses.
type tally struct{ right, lost, wrong atomic.Int64 }

// run counts one child that exits with code.
func (t *tally) run(r *runner, code byte) error {
	c, err := r.lib.start(r.program, r.program.argv(code), r.files)
	if err != nil {
		return err
	}
	switch got, err := r.lib.wait(c); {
	case err != nil:
		t.lost.Add(1)
	case got != int(code):
		t.wrong.Add(1)
	default:
		t.right.Add(1)
	}
	return nil
}
