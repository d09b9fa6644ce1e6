package main

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// A runner starts children of one program with one library. Each child gets
// three files that are open already, so that neither library opens any for it.
type runner struct {
	lib     library
	program program
	argv    []string
	files   []*os.File
}

// newRunner returns a runner whose children read and write the null device. It
// is never closed: a worker process ends with its measurement.
func newRunner(lib library, p program) (*runner, error) {
	r := &runner{lib: lib, program: p, argv: p.argv(0)}
	for range 3 {
		f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		r.files = append(r.files, f)
	}
	return r, nil
}

func (r *runner) start() (child, error) {
	return r.lib.start(r.program, r.argv, r.files)
}

// run starts a child and waits for it.
func (r *runner) run() error {
	c, err := r.start()
	if err != nil {
		return err
	}
	return wantZero(r.lib.wait(c))
}

// wantZero is an error unless a wait gave exit code 0: figures about children
// that failed would mean nothing.
func wantZero(code int, err error) error {
	if err != nil {
		return fmt.Errorf("wait for a child: %w", err)
	}
	if code != 0 {
		return fmt.Errorf("child exited with %d", code)
	}
	return nil
}

// warmUp runs some children that are not measured, so that a library's
// first-time work, such as trying what the kernel can do, does not count.
func (r *runner) warmUp() error { return warmUp(r.run) }

// rate returns how many children per second run when atOnce goroutines start
// one after another for the time d.
func (r *runner) rate(atOnce int, d time.Duration) (float64, error) { return rate(r.run, atOnce, d) }

// times runs n children one after another and returns how long each took, in
// nanoseconds.
func (r *runner) times(n int) ([]float64, error) { return times(r.run, n) }

func warmUp(run func() error) error {
	for range 20 {
		if err := run(); err != nil {
			return err
		}
	}
	return nil
}

func rate(run func() error, atOnce int, d time.Duration) (float64, error) {
	if err := warmUp(run); err != nil {
		return 0, err
	}
	counts := make([]int, atOnce)
	errs := make(chan error, atOnce)
	var group sync.WaitGroup
	begin := time.Now()
	for i := range counts {
		group.Go(func() {
			for time.Since(begin) < d {
				if err := run(); err != nil {
					errs <- err
					return
				}
				counts[i]++
			}
		})
	}
	group.Wait()
	elapsed := time.Since(begin)
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	return float64(sum(counts)) / elapsed.Seconds(), nil
}

func times(run func() error, n int) ([]float64, error) {
	times := make([]float64, n)
	for i := range times {
		begin := time.Now()
		if err := run(); err != nil {
			return nil, err
		}
		times[i] = float64(time.Since(begin))
	}
	return times, nil
}
