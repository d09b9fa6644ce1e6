package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tally gives events to a report and returns the sum and what was printed.
func tally(t *testing.T, show string, events ...event) (counts, string) {
	t.Helper()
	var in, out bytes.Buffer
	for _, e := range events {
		if err := json.NewEncoder(&in).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	r := newReport(&out, regexp.MustCompile(show))
	if err := r.read(&in); err != nil {
		t.Fatal(err)
	}
	return r.close(), out.String()
}

// ended is the event of a test, or without a name that of its package.
func ended(action, name string) event { return event{Action: action, Package: "p", Test: name} }

func said(name, text string) event {
	return event{Action: "output", Package: "p", Test: name, Output: text + "\n"}
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		events []event
		want   counts
	}{
		{"plain tests", []event{ended("pass", "A"), ended("skip", "B"), ended("pass", "C"), ended("pass", "")}, counts{2, 0, 1}},
		{"subtests instead of their parent", []event{ended("run", "A"), ended("pass", "A/x"), ended("skip", "A/y"), ended("pass", "A"), ended("pass", "")}, counts{1, 0, 1}},
		{"a failed subtest once", []event{ended("fail", "A/x/1"), ended("fail", "A/x"), ended("pass", "A/y"), ended("fail", "A"), ended("fail", "")}, counts{1, 1, 0}},
		{"a parent that failed alone", []event{ended("pass", "A/x"), ended("fail", "A"), ended("fail", "")}, counts{1, 1, 0}},
		{"a test that did not end", []event{ended("pass", "A"), ended("run", "B"), ended("fail", "")}, counts{1, 1, 0}},
		{"a package that failed outside of a test", []event{ended("pass", "A"), ended("fail", "")}, counts{1, 1, 0}},
		{"a package that ran no test", []event{ended("pass", "")}, counts{0, 1, 0}},
		{"a package whose tests were all skipped", []event{ended("skip", "A"), ended("pass", "")}, counts{0, 1, 1}},
		{"output that breaks off", []event{ended("pass", "A")}, counts{1, 1, 0}},
		{"no package with tests", []event{ended("skip", "")}, counts{0, 1, 0}},
		{"no output", nil, counts{0, 1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if sum, out := tally(t, "^$", c.events...); sum != c.want {
				t.Errorf("%+v, want %+v\n%s", sum, c.want, out)
			}
		})
	}
}

func TestFailuresAreShownAndPassesAreNot(t *testing.T) {
	_, out := tally(t, "^$",
		said("A", "    a_test.go:1: quiet"), ended("pass", "A"),
		said("B", "    b_test.go:2: loud"), ended("fail", "B"),
		said("C", "    c_test.go:3: not here"), ended("skip", "C"),
		said("", "panic: outside"), ended("fail", ""))
	for _, want := range []string{"b_test.go:2: loud\n", "skip  C: not here\n", "panic: outside\n", "FAIL  p: 1 passed, 1 failed, 1 skipped"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "quiet") {
		t.Errorf("a passed test is shown:\n%s", out)
	}
}

func TestShowPrintsWhatMatchingTestsLogged(t *testing.T) {
	_, out := tally(t, "^A/", said("A/x", "    a_test.go:1: 12 tests passed"), ended("pass", "A/x"), ended("pass", "A"), ended("pass", ""))
	if want := "      A/x: 12 tests passed\n"; !strings.Contains(out, want) {
		t.Errorf("no %q in\n%s", want, out)
	}
}

func TestCompilerOutputAndOtherTextAreShown(t *testing.T) {
	var out bytes.Buffer
	r := newReport(&out, regexp.MustCompile("^$"))
	in := `{"ImportPath":"p","Action":"build-output","Output":"x.go:1: undefined: y\n"}
go: cannot find main module
{"Action":"fail","Package":"p","FailedBuild":"p"}
`
	if err := r.read(strings.NewReader(in)); err != nil {
		t.Fatal(err)
	}
	if sum := r.close(); sum.failed != 1 {
		t.Errorf("%d failed, want 1", sum.failed)
	}
	for _, want := range []string{"x.go:1: undefined: y\n", "go: cannot find main module\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestAppendLineKeepsWhatIsThere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "totals")
	for _, c := range []counts{{1, 2, 3}, {4, 5, 6}} {
		if err := appendLine(file, c); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if want := "1 2 3\n4 5 6\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v, want %q", text, err, want)
	}
}
