package main

import (
	"fmt"
	"os"
)

// latencyCase measures how long after the end of a child its Wait returns.
//
// The child itself says when that was: it sleeps for a millisecond, so that the
// parent is fast asleep in Wait, then reads the clock, writes the reading to
// its standard output and exits. Nothing else wakes the parent: the output is a
// regular file, which no poller watches, and the file is read after the last
// child. The latency contains that one write and the kernel's own work to end a
// process, the same for every library.
func latencyCase() *benchCase {
	return &benchCase{
		name:      "latency",
		about:     "from the child's last instructions to the return of Wait, over -naps children",
		title:     "from the child's last breath to the return of Wait, one at a time",
		libraries: bothLibraries,
		sizes:     func(o options, _ programs) ([]int, []string) { return []int{o.Naps}, nil },
		measure:   measureLatency,
		metrics: []metric{
			{name: "latency", label: "p50", unit: unitTime, quantile: 0.50},
			{name: "latency", label: "p99", unit: unitTime, quantile: 0.99},
		},
	}
}

func measureLatency(lib library, c cell) (samples, error) {
	r, err := newRunner(lib, c.Programs.Nap)
	if err != nil {
		return nil, err
	}
	stamps, err := os.CreateTemp(c.Dir, "stamps")
	if err != nil {
		return nil, err
	}
	defer stamps.Close()
	r.files[1] = stamps // one offset for all: each child writes behind the last

	ends := make([]stamp, c.Size)
	for i := range ends {
		if err := r.run(); err != nil {
			return nil, err
		}
		if ends[i], err = now(); err != nil {
			return nil, err
		}
	}
	latencies, err := latenciesSince(stamps.Name(), ends)
	return samples{"latency": latencies}, err
}

// latenciesSince returns how many nanoseconds after the stamps in a file the
// given ones came.
func latenciesSince(path string, ends []stamp) ([]float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) != len(ends)*stampSize {
		return nil, fmt.Errorf("%d children wrote %d bytes of stamps", len(ends), len(b))
	}
	latencies := make([]float64, len(ends))
	for i, end := range ends {
		latencies[i] = float64(end.sub(stampFrom(b[i*stampSize:])))
	}
	return latencies, nil
}
