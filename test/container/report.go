package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/wardproc/ward/test/internal/suite"
)

// A report is all that came of a matrix.
type report struct {
	results     []result
	missing     []error // environments that could not be had
	skipMissing bool
	logs        string // folder
}

// print writes what failed, the table, what was skipped, and the sums.
func (r report) print(w io.Writer) {
	for _, run := range r.results {
		run.printFailures(w)
	}
	if len(r.results) > 0 {
		r.printTable(w)
	}
	r.printSkips(w)
	for _, err := range r.missing {
		fmt.Fprintf(w, "\n%s: %v\n", r.missingWord(), err)
	}
	if len(r.results) > 0 {
		fmt.Fprintf(w, "\nlogs: %s\n", r.logs)
	}
	passed, failed, skipped := r.sums()
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped)
}

// ok says whether nothing failed. That no environment can be had, and this is to
// be skipped, is no failure.
func (r report) ok() bool {
	passed, failed, skipped := r.sums()
	return passed+skipped > 0 && failed == 0
}

// sums counts tests; each trouble that is not of a single test counts as one failed
// test, and an environment that may be missing as one that was skipped.
func (r report) sums() (passed, failed, skipped int) {
	for _, run := range r.results {
		passed += run.count("pass")
		failed += run.failures()
		skipped += run.count("skip")
	}
	if r.skipMissing {
		return passed, failed, skipped + len(r.missing)
	}
	return passed, failed + len(r.missing), skipped
}

func (r report) missingWord() string {
	if r.skipMissing {
		return "SKIPPED"
	}
	return "failed"
}

func (r result) printFailures(w io.Writer) {
	where := r.environment + " " + r.suite
	if r.backendErr != nil {
		fmt.Fprintf(w, "=== %s: %v\n\n", where, r.backendErr)
	}
	if r.broken != nil {
		fmt.Fprintf(w, "=== %s: %v\n%s\n\n", where, r.broken, suite.Tail(r.output))
	}
	for _, t := range r.tests {
		if t.Action == "fail" {
			fmt.Fprintf(w, "=== %s: %s failed\n%s\n", where, t.Name, t.Output)
		}
	}
}

func (r report) printTable(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "environment\tsuite\ttests\tpassed\tfailed\tskipped\tseconds\tbackend\ttier\tspawn\tresult")
	for _, run := range r.results {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%.1f\t%s\t%s\t%s\t%s\n",
			run.environment, run.suite, len(run.tests),
			run.count("pass"), run.count("fail"), run.count("skip"), run.seconds,
			run.fact("backend"), run.fact("tier"), run.fact("spawn"), run.word())
	}
	t.Flush()
}

// printSkips lists each skipped test once, with where it was skipped.
func (r report) printSkips(w io.Writer) {
	var order []string
	where := make(map[string][]string)
	for _, run := range r.results {
		for _, t := range run.tests {
			if t.Action != "skip" {
				continue
			}
			what := fmt.Sprintf("%s %s: %s", run.suite, t.Name, t.Reason())
			if !slices.Contains(order, what) {
				order = append(order, what)
			}
			where[what] = append(where[what], run.environment)
		}
	}
	if len(order) > 0 {
		fmt.Fprintln(w, "\nskipped:")
	}
	for _, what := range order {
		fmt.Fprintf(w, "  %s [%s]\n", what, strings.Join(where[what], ", "))
	}
}
