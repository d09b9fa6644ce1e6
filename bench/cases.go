package main

import (
	"slices"
	"strings"
	"time"
)

// A benchCase is one entry of -list. Each of its sizes is measured by each of
// its libraries, in a process of its own, once in a round.
type benchCase struct {
	name  string
	about string // for -list
	title string // over its rows; %n is the size

	libraries []string

	// sizes picks the sizes that run here and says in words what does not.
	sizes func(o options, p programs) (sizes []int, notes []string)

	// measure runs in the worker process.
	measure func(lib library, c cell) (samples, error)

	// peer returns the arguments with which the C program measures the same.
	// It is nil where C has nothing to show.
	peer func(c cell) []string

	metrics []metric
}

// A metric is one row of the table.
type metric struct {
	name     string // its key in samples
	label    string // %n is the size
	unit     unit
	quantile float64 // of the samples of one round; 0 means the median
	higher   bool    // more is better
	plain    bool    // a ratio would mean nothing
}

// unit says what a sample counts, and so how the table writes it.
type unit string

const (
	unitRate  unit = "per second"
	unitTime  unit = "ns"
	unitBytes unit = "bytes"
	unitCount unit = "count"
)

// A cell is one measurement, as the worker process is told of it.
type cell struct {
	Case     string
	Size     int
	Library  string
	Time     time.Duration // how long to count where time decides
	Programs programs
	Dir      string // for files, removed in the end
}

// samples are the results of one cell, by metric.
type samples map[string][]float64

var (
	bothLibraries = []string{osExecName, wardName}
	withPeer      = []string{osExecName, wardName, peerName}
	allLibraries  = []string{osExecName, wardName, peerName, partsName, vforkName}
)

// allCases lists the cases in the order of the table, which is that of the
// first round. The heap comes last: where memory is slow to come it may use up
// all the time.
func allCases() []*benchCase {
	return []*benchCase{
		rateCase(), onceCase(), privateCase(), runCase(), outputCase(), printCase(), latencyCase(), allocsCase(), filesCase(),
		thiefCase(), liveCase(), privateLiveCase(), setCase(), reaperCase(), heapCase(),
	}
}

func caseNamed(name string) *benchCase {
	all := allCases()
	i := slices.IndexFunc(all, func(bc *benchCase) bool { return bc.name == name })
	if i < 0 {
		return nil
	}
	return all[i]
}

// sized puts the size into a title or label.
func sized(text string, size int) string {
	n := "no"
	if size > 0 {
		n = thousands(size)
	}
	return strings.ReplaceAll(text, "%n", n)
}
