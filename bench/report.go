package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// A report is what -json prints and what the table is made of.
type report struct {
	Machine  machine
	Options  options
	Children string // what the children are
	Seconds  float64
	Notes    []string
	Rows     []row
	Growth   []growth
	Runs     []run // every sample, in the order of measuring
}

// A row compares one metric of one case at one size.
type row struct {
	Case   string
	Size   int
	Metric string
	Title  string
	Label  string
	Unit   unit
	Higher bool // more is better
	Rounds int
	// Values are by library: the median over the rounds of the metric's
	// quantile within a round. A library that failed has none.
	Values map[string]float64
	// Ratios say how many times better ward is than another library.
	Ratios map[string]float64
}

// rowsOf summarizes the runs, in the order of the cases and sizes given.
func rowsOf(groups []*group, runs []run) []row {
	var rows []row
	for _, g := range groups {
		for _, m := range g.bc.metrics {
			if r := rowOf(g, m, runs); len(r.Values) > 0 {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

func rowOf(g *group, m metric, runs []run) row {
	r := row{
		Case: g.bc.name, Size: g.size, Metric: m.name,
		Title: sized(g.bc.title, g.size), Label: sized(m.label, g.size),
		Unit: m.unit, Higher: m.higher, Values: map[string]float64{},
	}
	q := m.quantile
	if q == 0 {
		q = 0.5
	}
	for _, lib := range g.libraries {
		var rounds []float64
		for _, run := range runs {
			xs := run.Samples[m.name]
			if run.Case == r.Case && run.Size == r.Size && run.Library == lib && len(xs) > 0 {
				rounds = append(rounds, quantile(xs, q))
			}
		}
		if len(rounds) > 0 {
			r.Values[lib] = median(rounds)
			r.Rounds = max(r.Rounds, len(rounds))
		}
	}
	if !m.plain {
		r.Ratios = ratiosOf(r)
	}
	return r
}

// ratiosOf compares ward with the others. A ratio with a zero says nothing.
func ratiosOf(r row) map[string]float64 {
	ratios := map[string]float64{}
	for lib := range r.Values {
		ours, theirs := r.Values[wardName], r.Values[lib]
		if lib == wardName || ours <= 0 || theirs <= 0 {
			continue
		}
		if !r.Higher {
			ours, theirs = theirs, ours
		}
		ratios[lib] = ours / theirs
	}
	return ratios
}

// A growth is how many times the cost of one row another one has: 1 is flat.
type growth struct {
	Label  string
	Values map[string]float64 // by library
}

// growthsOf finds the pairs of rows that show whether a library stays flat.
func growthsOf(rows []row) []growth {
	var growths []growth
	add := func(label string, base, other *row) {
		if base == nil || other == nil || base == other {
			return
		}
		g := growth{Label: fmt.Sprintf(label, thousands(other.Size), thousands(base.Size)), Values: map[string]float64{}}
		for lib, x := range base.Values {
			y := other.Values[lib]
			if base.Higher {
				x, y = y, x
			}
			if x > 0 && y > 0 {
				g.Values[lib] = y / x
			}
		}
		growths = append(growths, g)
	}
	low, high := extremes(rows, "live", "start")
	add("start, %s live : %s live", low, high)
	low, high = extremes(rows, "live", "churn")
	add("start+wait of one more, %s live : %s live", low, high)
	none, _ := extremes(rows, "files", "none")
	many, _ := extremes(rows, "files", "many")
	add("start+wait, %s descriptors : none%.0s", none, many)
	many, _ = extremes(rows, "files", "highest")
	add("start+wait, %s, the child's the highest : none%.0s", none, many)
	none, _ = extremes(rows, "heap", "none")
	many, _ = extremes(rows, "heap", "heap")
	add("start+wait, %s MiB heap : none%.0s", none, many)
	return growths
}

// extremes returns the rows of a metric with the least and the greatest size.
func extremes(rows []row, name, metric string) (low, high *row) {
	for i := range rows {
		r := &rows[i]
		if r.Case != name || r.Metric != metric {
			continue
		}
		if low == nil || r.Size < low.Size {
			low = r
		}
		if high == nil || r.Size > high.Size {
			high = r
		}
	}
	return low, high
}

// failures are the notes on what could not be measured.
func failures(runs []run) []string {
	var notes []string
	for _, r := range runs {
		if r.Error != "" {
			notes = append(notes, fmt.Sprintf("%s %s, %s failed: %s", r.Case, thousands(r.Size), r.Library, r.Error))
		}
	}
	return notes
}

// failed says whether a measurement went wrong.
func (r *report) failed() bool {
	return slices.ContainsFunc(r.Runs, func(run run) bool { return run.Error != "" && run.Error != outOfTime })
}

// unmeasured are the notes on groups that never had their turn.
func unmeasured(groups []*group) []string {
	var notes []string
	for _, g := range groups {
		if g.rounds == 0 && len(g.libraries) > 0 {
			notes = append(notes, fmt.Sprintf("%s %s: not measured, %s", g.bc.name, thousands(g.size), outOfTime))
		}
	}
	return notes
}

// seen lists the libraries that have a value in some row.
func (r *report) seen() []string {
	return slices.DeleteFunc(slices.Clone(allLibraries), func(lib string) bool {
		return !slices.ContainsFunc(r.Rows, func(row row) bool {
			_, ok := row.Values[lib]
			return ok
		})
	})
}

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(r)
}
