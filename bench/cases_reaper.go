package main

import (
	"context"
	"runtime"

	"github.com/wardproc/ward"
)

// reaperChurns is how many short children run with and without a Reaper: some
// of its rounds have to fall among them.
const reaperChurns = 10 * churns

// reaperCase shows what a Reaper costs the children of handles. It has to look at
// all of them to find those that are not, and must not do that for each exit.
func reaperCase() *benchCase {
	return &benchCase{
		name:      "reaper",
		about:     "short children beside -live ones, with and without a ward.Reaper",
		title:     "%n live children, a ward.Reaper",
		libraries: []string{wardName},
		sizes: func(o options, p programs) ([]int, []string) {
			if runtime.GOOS != "linux" {
				return nil, []string{"reaper: left out, it requires Linux"}
			}
			return capSizes("reaper", o.Live, liveLimits(p))
		},
		measure: measureReaper,
		metrics: []metric{
			{name: "without", label: "start+wait of one more, without", unit: unitTime},
			{name: "with", label: "start+wait of one more, with it", unit: unitTime},
			{name: "slow", label: "the same, 99th percentile", unit: unitTime, quantile: 0.99},
		},
	}
}

func measureReaper(lib library, c cell) (samples, error) {
	brief, err := newRunner(lib, c.Programs.Exit)
	if err != nil {
		return nil, err
	}
	if err := brief.warmUp(); err != nil {
		return nil, err
	}
	w := new(set)
	tell, err := startCrowd(lib, w, c)
	if err != nil {
		return nil, err
	}
	settle()
	result := samples{}
	if result["without"], err = brief.times(reaperChurns); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go new(ward.Reaper).Run(ctx)
	if result["with"], err = brief.times(reaperChurns); err != nil {
		return nil, err
	}
	result["slow"] = result["with"]
	if err := tell.Close(); err != nil {
		return nil, err
	}
	return result, w.wait()
}
