package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/wardproc/ward"
)

// A machine is where the figures come from.
type machine struct {
	Go           string
	System       string    // GOOS/GOARCH
	Kernel       string    // name and version
	CPUs         int       // those that Go may use
	Load         []float64 `json:",omitempty"` // over 1, 5 and 15 minutes
	Busy         float64   // share of all CPUs in use just before the first measurement
	Capabilities string    // ward's own words
}

func describeMachine() machine {
	return machine{
		Go:           runtime.Version(),
		System:       runtime.GOOS + "/" + runtime.GOARCH,
		Kernel:       kernel(),
		CPUs:         runtime.GOMAXPROCS(0),
		Load:         loadAverage(),
		Busy:         busyShare(),
		Capabilities: strings.TrimSpace(ward.Capabilities().String()),
	}
}

// quiet says whether next to nothing else runs. The load average is not asked:
// it still remembers the thousands of children of the benchmark before.
func (m machine) quiet() bool { return m.Busy < 0.1 }

func (m machine) String() string {
	load := "load unknown"
	if len(m.Load) > 0 {
		load = fmt.Sprintf("load %s, %.0f%% busy", strings.Trim(fmt.Sprintf("%.2f", m.Load), "[]"), 100*m.Busy)
	}
	return fmt.Sprintf("%s %s, %s, %d CPUs, %s", m.Go, m.System, m.Kernel, m.CPUs, load)
}
