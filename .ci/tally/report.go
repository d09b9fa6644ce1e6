package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
)

// An event is a line of go test -json, see go doc test2json and go help
// buildjson.
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64
	Output  string
}

// A report prints each suite when it ends.
type report struct {
	w      io.Writer
	shown  *regexp.Regexp
	suites map[string]*suite // the ones that have not ended
	ran    int               // suites with tests
	total  counts
}

func newReport(w io.Writer, shown *regexp.Regexp) *report {
	return &report{w: w, shown: shown, suites: make(map[string]*suite)}
}

// read takes events up to the end of r. A line that is none is printed: the go
// command says on it what kept it from running anything.
func (r *report) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.take(e)
			} else {
				fmt.Fprintf(r.w, "%s", line)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event) {
	if e.Package == "" { // the compiler's
		fmt.Fprint(r.w, e.Output)
		return
	}
	s := r.suites[e.Package]
	if s == nil {
		s = newSuite(e.Package)
		r.suites[e.Package] = s
	}
	switch {
	case e.Action == "output" && e.Test == "":
		s.output.WriteString(e.Output)
	case e.Action == "output":
		s.test(e.Test).output.WriteString(e.Output)
	case e.Action != "pass" && e.Action != "fail" && e.Action != "skip":
		if e.Test != "" {
			s.test(e.Test)
		}
	case e.Test != "":
		s.test(e.Test).action = e.Action
	default:
		r.end(s, e.Action, e.Elapsed)
	}
}

// end prints a suite that ended with action and adds its tests to the total.
func (r *report) end(s *suite, action string, seconds float64) {
	delete(r.suites, s.name)
	if action == "skip" && len(s.tests) == 0 {
		return // no test files
	}
	r.ran++
	c := s.count()
	trouble := ""
	switch {
	case action != "pass" && c.failed == 0:
		trouble = "failed outside of a test"
	case c.passed+c.failed == 0:
		trouble = "ran no test"
	}
	if trouble != "" {
		c.failed++
	}
	r.printTests(s)
	if c.failed > 0 {
		fmt.Fprint(r.w, s.output.String())
		fmt.Fprintf(r.w, "FAIL  %s: %d passed, %d failed, %d skipped in %.1f s\n", s.name, c.passed, c.failed, c.skipped, seconds)
	} else {
		fmt.Fprintf(r.w, "ok    %s: %d passed, %d skipped in %.1f s\n", s.name, c.passed, c.skipped, seconds)
	}
	if trouble != "" {
		fmt.Fprintf(r.w, "      %s\n", trouble)
	}
	r.total.add(c)
}

func (r *report) printTests(s *suite) {
	for _, name := range s.order {
		t := s.tests[name]
		switch result := s.result(t); {
		case result == "fail":
			if t.action == "" {
				fmt.Fprintf(r.w, "--- did not end: %s\n", name)
			}
			fmt.Fprint(r.w, t.output.String())
		case result == "skip":
			fmt.Fprintf(r.w, "skip  %s: %s\n", name, t.reason())
		case r.shown.MatchString(name):
			for _, line := range t.logged() {
				fmt.Fprintf(r.w, "      %s: %s\n", name, line)
			}
		}
	}
}

// close prints the total. What has not ended failed, and so did a run without
// any suite.
func (r *report) close() counts {
	for _, s := range r.suites {
		r.end(s, "", 0)
	}
	if r.ran == 0 {
		fmt.Fprintln(r.w, "no tests were run")
		r.total.failed++
	}
	if r.ran > 1 {
		fmt.Fprintf(r.w, "total %d passed, %d failed, %d skipped\n", r.total.passed, r.total.failed, r.total.skipped)
	}
	return r.total
}
