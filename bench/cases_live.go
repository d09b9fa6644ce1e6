package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// churns is how many more short children run beside the live ones.
const churns = 50

// liveCase holds many children at once, as a supervisor or a server does, with
// a goroutine in Wait for each. Size 0 is the churn beside none, to compare.
func liveCase() *benchCase {
	return &benchCase{
		name:      "live",
		about:     "-live children at once, a goroutine in Wait for each",
		title:     "%n live children, a goroutine in Wait for each",
		libraries: withPeer,
		sizes: func(o options, p programs) ([]int, []string) {
			sizes, notes := capSizes("live", o.Live, liveLimits(p))
			return append([]int{0}, sizes...), notes
		},
		measure: func(lib library, c cell) (samples, error) {
			return measureCrowd(lib, &goroutines{lib: lib}, c)
		},
		peer: func(c cell) []string {
			return []string{"live", c.Programs.Exit.Path, c.Programs.Hold.Path, strconv.Itoa(c.Size), strconv.Itoa(churns)}
		},
		metrics: crowdMetrics,
	}
}

var crowdMetrics = []metric{
	{name: "start", label: "start of each", unit: unitTime},
	{name: "churn", label: "start+wait of one more", unit: unitTime},
	{name: "reap", label: "reap of all, told to exit at once", unit: unitTime},
	{name: "threads", label: "threads of the parent", unit: unitCount},
	{name: "rss", label: "RSS of the parent", unit: unitBytes},
	{name: "growth", label: "RSS for each child", unit: unitBytes},
}

// A watcher learns of the exits of many children.
type watcher interface {
	watch(c child)
	wait() error // until all are gone
}

// measureCrowd starts c.Size children that live until they are told to exit.
func measureCrowd(lib library, w watcher, c cell) (samples, error) {
	brief, err := newRunner(lib, c.Programs.Exit)
	if err != nil {
		return nil, err
	}
	if err := brief.warmUp(); err != nil {
		return nil, err
	}
	result := samples{}
	before, _ := readUsage()
	begin := time.Now()
	tell, err := startCrowd(lib, w, c)
	if err != nil {
		return nil, err
	}
	result.add(c.Size > 0, "start", float64(time.Since(begin))/float64(c.Size))

	settle()
	after, known := readUsage()
	result.add(known && c.Size > 0, "threads", after.threads)
	result.add(known && c.Size > 0, "rss", after.rss)
	result.add(known && c.Size > 0, "growth", (after.rss-before.rss)/float64(c.Size))

	if result["churn"], err = brief.times(churns); err != nil {
		return nil, err
	}
	begin = time.Now()
	if err := tell.Close(); err != nil {
		return nil, err
	}
	if err := w.wait(); err != nil {
		return nil, err
	}
	result.add(c.Size > 0, "reap", float64(time.Since(begin)))
	return result, nil
}

func (s samples) add(known bool, name string, x float64) {
	if known {
		s[name] = append(s[name], x)
	}
}

// startCrowd starts c.Size children that share one pipe as their standard
// input. Closing the end that it returns tells them all to exit, at once, as
// does the death of this process.
func startCrowd(lib library, w watcher, c cell) (tell *os.File, err error) {
	r, err := newRunner(lib, c.Programs.Hold)
	if err != nil {
		return nil, err
	}
	stdin, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	r.files[0] = stdin
	for i := range c.Size {
		child, err := r.start()
		if err != nil {
			return nil, fmt.Errorf("child %d: %w", i+1, err)
		}
		w.watch(child)
	}
	// Held open, it would be one more event in the poller at the exit.
	return tell, stdin.Close()
}

// settle waits until the children have come to their read and the threads that
// the waits need are all there.
func settle() {
	time.Sleep(100 * time.Millisecond)
	last, known := readUsage()
	for range 50 {
		time.Sleep(20 * time.Millisecond)
		u, _ := readUsage()
		if !known || u.threads == last.threads {
			return
		}
		last = u
	}
}
