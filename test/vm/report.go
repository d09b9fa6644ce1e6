package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/wardproc/ward/test/internal/suite"
	"github.com/wardproc/ward/test/vm/internal/plan"
)

// A report is all that came of a matrix.
type report struct {
	boots       []boot
	missing     []error // kernels that could not be had
	skipMissing bool
}

// print writes what failed, the table, what was skipped, and the sums.
func (r report) print(w io.Writer) {
	r.printFailures(w)
	if len(r.boots) > 0 {
		r.printTable(w)
	}
	r.printSkips(w)
	r.printLeft(w)
	for _, err := range r.missing {
		fmt.Fprintf(w, "\n%s: %v\n", r.missingWord(), err)
	}
	if len(r.boots) > 0 {
		fmt.Fprintf(w, "\nlogs: %s\n", filepath.Dir(r.boots[0].log))
	}
	passed, failed, skipped := r.sums()
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped)
}

// ok says whether tests ran and nothing failed.
func (r report) ok() bool {
	passed, failed, _ := r.sums()
	return passed > 0 && failed == 0
}

// sums counts tests; each trouble that is not of a single test counts as one
// failed test, and a kernel that may be missing as one that was skipped.
func (r report) sums() (passed, failed, skipped int) {
	for _, b := range r.boots {
		if b.err != nil {
			failed++
		}
		for _, run := range b.runs {
			passed += run.count("pass")
			failed += run.failures()
			skipped += run.count("skip")
		}
	}
	if r.skipMissing {
		return passed, failed, skipped + len(r.missing)
	}
	return passed, failed + len(r.missing), skipped
}

func (r report) missingWord() string {
	if r.skipMissing {
		return "skipped"
	}
	return "failed"
}

func (r report) printFailures(w io.Writer) {
	for _, b := range r.boots {
		if b.err != nil {
			fmt.Fprintf(w, "=== %s: %v, see %s\n", b.name(), b.err, b.log)
			printTail(w, b.console.text)
		}
		for _, run := range b.runs {
			b.printFailures(w, run)
		}
	}
}

func (b boot) printFailures(w io.Writer, run result) {
	where := b.name() + " " + run.title()
	if run.tierErr != nil {
		fmt.Fprintf(w, "=== %s: %v\n\n", where, run.tierErr)
	}
	if run.broken != nil {
		fmt.Fprintf(w, "=== %s: %v\n", where, run.broken)
		if b.err == nil { // else the end of the console was shown
			printTail(w, run.output)
		}
	}
	for _, t := range run.tests {
		if t.Action == "fail" {
			fmt.Fprintf(w, "=== %s: %s failed\n%s\n", where, t.Name, t.Output)
		}
	}
}

// printTail shows the end of some output.
func printTail(w io.Writer, text []byte) {
	fmt.Fprintf(w, "%s\n\n", suite.Tail(text))
}

// title names a run among those of the same boot.
func (r result) title() string {
	if r.mode == plan.PID1 {
		return r.suite + " (pid 1)"
	}
	return r.suite
}

func (r report) printTable(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "kernel\tsuite\ttests\tpassed\tfailed\tskipped\tseconds\tbackend\ttier\tspawn\tresult")
	for _, b := range r.boots {
		for _, run := range b.runs {
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%.1f\t%s\t%s\t%s\t%s\n",
				b.name(), run.title(), len(run.tests),
				run.count("pass"), run.count("fail"), run.count("skip"), run.seconds,
				run.fact("backend"), run.fact("tier"), run.fact("spawn"), run.word())
		}
	}
	t.Flush()
}

func (r result) fact(key string) string {
	if v := r.facts[key]; v != "" {
		return v
	}
	return "-"
}

func (r result) word() string {
	if r.ok() {
		return "ok"
	}
	return "FAIL"
}

// printSkips lists each skipped test once, with the kernels it was skipped on.
func (r report) printSkips(w io.Writer) {
	var order []string
	kernels := make(map[string][]string)
	for _, b := range r.boots {
		for _, run := range b.runs {
			for _, t := range run.tests {
				if t.Action != "skip" {
					continue
				}
				what := fmt.Sprintf("%s %s: %s", run.title(), t.Name, t.Reason())
				if !slices.Contains(order, what) {
					order = append(order, what)
				}
				kernels[what] = append(kernels[what], b.kernel.series)
			}
		}
	}
	if len(order) > 0 {
		fmt.Fprintln(w, "\nskipped:")
	}
	for _, what := range order {
		fmt.Fprintf(w, "  %s [%s]\n", what, strings.Join(kernels[what], ", "))
	}
}

// printLeft lists the processes that outlived the test binary that started
// them. A suite may mean it, so it is no failure.
func (r report) printLeft(w io.Writer) {
	heading := "\nleft running at the end of a suite:\n"
	for _, b := range r.boots {
		for _, run := range b.runs {
			if len(run.left) > 0 {
				fmt.Fprintf(w, "%s  %s %s: %d (%s)\n", heading, b.name(), run.title(),
					len(run.left), strings.Join(slices.Compact(run.left), ", "))
				heading = ""
			}
		}
	}
}
