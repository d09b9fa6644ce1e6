package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

// A result is what came of one run of one suite.
type result struct {
	suite   string
	mode    plan.Mode
	output  []byte
	seconds float64
	facts   map[string]string // what the suite says of ward: backend, tier, ...
	tests   []testResult      // without those that are only parents of others
	left    []string          // processes that outlived the test binary
	broken  error             // what went wrong beyond single tests
	tierErr error             // the kernel and what ward says of it do not agree
}

// A testResult is what came of one test.
type testResult struct {
	name   string
	action string // pass, fail or skip, as in the output of test2json
	output string
}

// newResult reads run number i out of a console.
func newResult(run plan.Run, c console, i int) result {
	r := result{suite: run.Suite, mode: run.Mode}
	s, ok := c.sections[i]
	if !ok {
		r.broken = errors.New("did not run")
		return r
	}
	if s.exit != nil {
		r.seconds, r.left = s.exit.Seconds, s.exit.Left
	}
	r.output = s.output
	r.facts = wardFacts(s.output)
	r.tierErr = checkTier(c.release, r.facts["tier"])
	r.tests, r.broken = testResults(s.output)
	if r.broken == nil {
		r.broken = r.checkExit(s.exit)
	}
	return r
}

// checkExit says what is wrong with the end of a run beyond the tests that
// failed.
func (r result) checkExit(exit *plan.Record) error {
	failed := r.count("fail") > 0
	switch {
	case exit == nil:
		return errors.New("did not end")
	case exit.Error != "":
		return fmt.Errorf("did not start: %s", exit.Error)
	case len(r.tests) == 0:
		return fmt.Errorf("ran no test, exit code %d", exit.Code)
	case exit.Code > 128:
		return fmt.Errorf("killed by signal %d", exit.Code-128)
	case exit.Code != 0 && !failed:
		return fmt.Errorf("exit code %d although no test failed", exit.Code)
	case exit.Code == 0 && failed:
		return errors.New("exit code 0 although a test failed")
	}
	return nil
}

func (r result) count(action string) int {
	n := 0
	for _, t := range r.tests {
		if t.action == action {
			n++
		}
	}
	return n
}

func (r result) ok() bool {
	return r.failures() == 0
}

// failures counts the tests that failed and, as one each, what else did.
func (r result) failures() int {
	n := r.count("fail")
	for _, err := range []error{r.broken, r.tierErr} {
		if err != nil {
			n++
		}
	}
	return n
}

// wardFacts reads the line in which a test binary of ward says what it found:
// "ward: backend=pidfd tier=recoverable ...".
func wardFacts(output []byte) map[string]string {
	for line := range strings.Lines(string(output)) {
		line, ok := strings.CutPrefix(line, "ward: ")
		if !ok {
			continue
		}
		facts := make(map[string]string)
		for word := range strings.FieldsSeq(line) {
			if key, value, ok := strings.Cut(word, "="); ok {
				facts[key] = value
			}
		}
		if facts["tier"] != "" {
			return facts
		}
	}
	return nil
}

// A testEvent is a line of the output of test2json.
type testEvent struct {
	Action, Test, Output string
}

// testResults has the output of a test binary explained by the tool that go
// test uses for it.
func testResults(testOutput []byte) ([]testResult, error) {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = bytes.NewReader(testOutput)
	out, err := output(cmd)
	if err != nil {
		return nil, err
	}
	var events []testEvent
	for line := range bytes.Lines(out) {
		var e testEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("test2json: %w", err)
		}
		events = append(events, e)
	}
	return leaves(collect(events)), nil
}

// collect gathers the events of each test, in the order in which they began. A
// test without an end failed: its process died.
func collect(events []testEvent) []testResult {
	var tests []testResult
	index := make(map[string]int)
	for _, e := range events {
		if e.Test == "" {
			continue
		}
		i, ok := index[e.Test]
		if !ok {
			i = len(tests)
			index[e.Test] = i
			tests = append(tests, testResult{name: e.Test, action: "fail"})
		}
		switch e.Action {
		case "output":
			tests[i].output += e.Output
		case "pass", "fail", "skip":
			tests[i].action = e.Action
		}
	}
	return tests
}

// leaves drops the tests that have subtests, unless one failed on its own
// account.
func leaves(tests []testResult) []testResult {
	parents := make(map[string]bool)
	failedBelow := make(map[string]bool)
	for _, t := range tests {
		for name := t.name; ; {
			i := strings.LastIndexByte(name, '/')
			if i < 0 {
				break
			}
			name = name[:i]
			parents[name] = true
			failedBelow[name] = failedBelow[name] || t.action == "fail"
		}
	}
	return slices.DeleteFunc(tests, func(t testResult) bool {
		return parents[t.name] && (t.action != "fail" || failedBelow[t.name])
	})
}

var logPosition = regexp.MustCompile(`^\S+\.go:[0-9]+: `)

// reason is what a skipped test said.
func (t testResult) reason() string {
	var said []string
	for line := range strings.Lines(t.output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		said = append(said, logPosition.ReplaceAllString(line, ""))
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
