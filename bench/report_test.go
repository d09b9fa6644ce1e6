package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sampleReport is a report of two cases with figures that are easy to check.
func sampleReport() *report {
	rate := &group{bc: rateCase(), size: 8, libraries: withPeer}
	none := &group{bc: liveCase(), size: 0, libraries: withPeer}
	live := &group{bc: liveCase(), size: 8000, libraries: withPeer}
	thief := &group{bc: thiefCase(), size: 5000, libraries: bothLibraries}
	groups := []*group{rate, none, live, thief}
	runs := []run{
		{Round: 1, Case: "rate", Size: 8, Library: osExecName, Samples: samples{"rate": {5000}}},
		{Round: 1, Case: "rate", Size: 8, Library: wardName, Samples: samples{"rate": {10000}}},
		{Round: 1, Case: "rate", Size: 8, Library: peerName, Samples: samples{"rate": {8000}}},
		{Round: 2, Case: "rate", Size: 8, Library: wardName, Samples: samples{"rate": {12000}}},
		{Round: 2, Case: "rate", Size: 8, Library: osExecName, Samples: samples{"rate": {1000}}},
		{Round: 3, Case: "rate", Size: 8, Library: osExecName, Samples: samples{"rate": {5500}}},
		{Round: 1, Case: "live", Size: 0, Library: wardName, Samples: samples{"churn": {100e3, 200e3, 900e3}}},
		{Round: 1, Case: "live", Size: 0, Library: osExecName, Samples: samples{"churn": {200e3}}},
		{Round: 1, Case: "live", Size: 8000, Library: wardName, Samples: samples{"churn": {250e3}, "rss": {30 << 20}, "threads": {5}}},
		{Round: 1, Case: "live", Size: 8000, Library: osExecName, Error: "thread exhaustion"},
		{Round: 1, Case: "thief", Size: 5000, Library: wardName, Samples: samples{"right": {5000}, "lost": {0}, "wrong": {0}}},
		{Round: 1, Case: "thief", Size: 5000, Library: osExecName, Samples: samples{"right": {4000}, "lost": {1000}, "wrong": {0}}},
	}
	r := &report{
		Machine: machine{
			Go: "go1.26", System: "linux/amd64", Kernel: "Linux 6.18", CPUs: 2,
			Load: []float64{1, 0.5, 0.25}, Busy: 0.5, Capabilities: "ward: backend=pidfd",
		},
		Options:  options{Cases: []string{"rate", "live", "thief"}, Libraries: allLibraries, Rounds: 3, Time: time.Second},
		Children: "small",
		Seconds:  12,
		Notes:    failures(runs),
		Runs:     runs,
	}
	r.Rows = rowsOf(groups, runs)
	r.Growth = growthsOf(r.Rows)
	return r
}

func TestRowsHoldMediansAndRatios(t *testing.T) {
	r := sampleReport()
	rate := r.Rows[0]
	if want := map[string]float64{osExecName: 5000, wardName: 11000, peerName: 8000}; !reflect.DeepEqual(rate.Values, want) {
		t.Errorf("medians are %v, want %v", rate.Values, want)
	}
	if rate.Rounds != 3 {
		t.Errorf("%d rounds, want 3", rate.Rounds)
	}
	if want := map[string]float64{osExecName: 2.2, peerName: 1.375}; !reflect.DeepEqual(rate.Ratios, want) {
		t.Errorf("ratios are %v, want %v", rate.Ratios, want)
	}
	churn := r.Rows[1]
	if churn.Values[wardName] != 200e3 || churn.Ratios[osExecName] != 1 {
		t.Errorf("churn is %+v, want 200 µs for both", churn)
	}
	for _, row := range r.Rows {
		if row.Case == "thief" && len(row.Ratios) > 0 {
			t.Errorf("row %q has ratios %v", row.Label, row.Ratios)
		}
	}
}

func TestRatioIsAboveOneWhereWardIsBetter(t *testing.T) {
	values := map[string]float64{osExecName: 30, wardName: 10}
	if got := ratiosOf(row{Values: values})[osExecName]; got != 3 {
		t.Errorf("a third of the time is %vx, want 3x", got)
	}
	if got := ratiosOf(row{Values: values, Higher: true})[osExecName]; got != 1.0/3 {
		t.Errorf("a third of the rate is %vx, want 0.33x", got)
	}
	if got := ratiosOf(row{Values: map[string]float64{osExecName: 0, wardName: 1}}); len(got) > 0 {
		t.Errorf("ratio with zero is %v, want none", got)
	}
}

func TestQuantileOfARowIsTakenWithinEachRound(t *testing.T) {
	g := &group{bc: latencyCase(), size: 3, libraries: []string{wardName}}
	var runs []run
	for _, xs := range [][]float64{{1, 2, 3}, {10, 20, 30}, {100, 200, 300}} {
		runs = append(runs, run{Case: "latency", Size: 3, Library: wardName, Samples: samples{"latency": xs}})
	}
	if got := rowOf(g, metric{name: "latency", quantile: 1}, runs).Values[wardName]; got != 30 {
		t.Errorf("median of the greatest is %v, want 30", got)
	}
}

func TestGrowthComparesCosts(t *testing.T) {
	rows := []row{
		{Case: "live", Size: 0, Metric: "churn", Values: map[string]float64{wardName: 100}},
		{Case: "live", Size: 8000, Metric: "churn", Values: map[string]float64{wardName: 150}},
		{Case: "files", Size: 15000, Metric: "none", Higher: true, Values: map[string]float64{wardName: 5000}},
		{Case: "files", Size: 15000, Metric: "many", Higher: true, Values: map[string]float64{wardName: 1000}},
	}
	want := []growth{
		{"start+wait of one more, 8,000 live : 0 live", map[string]float64{wardName: 1.5}},
		{"start+wait, 15,000 descriptors : none", map[string]float64{wardName: 5}},
	}
	if got := growthsOf(rows); !reflect.DeepEqual(got, want) {
		t.Errorf("growth is %v, want %v", got, want)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	want := sampleReport()
	var b strings.Builder
	if err := want.writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	got := &report{}
	if err := json.Unmarshal([]byte(b.String()), got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("report is not the same after a round trip; rows are\n%+v, want\n%+v", got.Rows, want.Rows)
	}
}
