package main

import "runtime"

// allocsCase counts what the parent allocates for one child, everything from
// exec.Command or Start to the end of Wait.
func allocsCase() *benchCase {
	const children = 300
	return &benchCase{
		name:      "allocs",
		about:     "Go allocations of one start+wait",
		title:     "Go allocations of one start+wait",
		libraries: bothLibraries,
		sizes:     func(options, programs) ([]int, []string) { return []int{children}, nil },
		measure:   measureAllocs,
		metrics: []metric{
			{name: "allocs", label: "allocations", unit: unitCount},
			{name: "bytes", label: "bytes", unit: unitCount},
		},
	}
}

func measureAllocs(lib library, c cell) (samples, error) {
	r, err := newRunner(lib, c.Programs.Exit)
	if err != nil {
		return nil, err
	}
	if err := r.warmUp(); err != nil {
		return nil, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range c.Size {
		if err := r.run(); err != nil {
			return nil, err
		}
	}
	runtime.ReadMemStats(&after)
	n := float64(c.Size)
	return samples{
		"allocs": {float64(after.Mallocs-before.Mallocs) / n},
		"bytes":  {float64(after.TotalAlloc-before.TotalAlloc) / n},
	}, nil
}
