package main

import "strconv"

// rateCase is the plainest of all: short children, one after another in each of
// a number of goroutines.
func rateCase() *benchCase {
	return &benchCase{
		name:      "rate",
		about:     "start+wait per second, -at so many at a time",
		title:     "start+wait of short children (C: one thread, always one at a time)",
		libraries: allLibraries,
		sizes:     func(o options, _ programs) ([]int, []string) { return o.At, nil },
		measure: func(lib library, c cell) (samples, error) {
			r, err := newRunner(lib, c.Programs.Exit)
			if err != nil {
				return nil, err
			}
			rate, err := r.rate(c.Size, c.Time)
			return samples{"rate": {rate}}, err
		},
		peer: func(c cell) []string {
			return []string{"rate", c.Programs.Exit.Path, strconv.FormatInt(int64(c.Time), 10)}
		},
		metrics: []metric{
			{name: "rate", label: "%n at a time", unit: unitRate, higher: true},
		},
	}
}
