package suite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// A Test is what came of one test.
type Test struct {
	Name   string
	Action string // pass, fail or skip, as in the output of test2json
	Output string
}

// mark begins the lines that -test.v=test2json wants recognised.
const mark = 'V' & 0x1f

// Count returns how many tests had an action.
func Count(tests []Test, action string) (n int) {
	for _, t := range tests {
		if t.Action == action {
			n++
		}
	}
	return n
}

// CheckExit says what is wrong with the exit code of a test binary beyond the
// tests that failed.
func CheckExit(tests []Test, code int) error {
	failed := Count(tests, "fail") > 0
	switch {
	case len(tests) == 0:
		return fmt.Errorf("ran no test, exit code %d", code)
	case code > 128:
		return fmt.Errorf("killed by signal %d", code-128)
	case code != 0 && !failed:
		return fmt.Errorf("exit code %d although no test failed", code)
	case code == 0 && failed:
		return errors.New("exit code 0 although a test failed")
	}
	return nil
}

// Tail returns the end of the output of a test binary, without the marks that it
// carries for test2json.
func Tail(output []byte) []byte {
	const lines = 60
	return bytes.ReplaceAll(LastLines(output, lines), []byte{mark}, nil)
}

// Facts reads the line in which a test binary of ward says what it found:
// "ward: backend=pidfd tier=recoverable ...".
func Facts(output []byte) map[string]string {
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

// Results has the output of a test binary explained by the tool that go
// test uses for it.
func Results(testOutput []byte) ([]Test, error) {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = bytes.NewReader(testOutput)
	out, err := Output(cmd)
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
func collect(events []testEvent) []Test {
	var tests []Test
	index := make(map[string]int)
	for _, e := range events {
		if e.Test == "" {
			continue
		}
		i, ok := index[e.Test]
		if !ok {
			i = len(tests)
			index[e.Test] = i
			tests = append(tests, Test{Name: e.Test, Action: "fail"})
		}
		switch e.Action {
		case "output":
			tests[i].Output += e.Output
		case "pass", "fail", "skip":
			tests[i].Action = e.Action
		}
	}
	return tests
}

// leaves drops the tests that have subtests, unless one failed on its own
// account.
func leaves(tests []Test) []Test {
	parents := make(map[string]bool)
	failedBelow := make(map[string]bool)
	for _, t := range tests {
		for name := t.Name; ; {
			i := strings.LastIndexByte(name, '/')
			if i < 0 {
				break
			}
			name = name[:i]
			parents[name] = true
			failedBelow[name] = failedBelow[name] || t.Action == "fail"
		}
	}
	return slices.DeleteFunc(tests, func(t Test) bool {
		return parents[t.Name] && (t.Action != "fail" || failedBelow[t.Name])
	})
}

var logPosition = regexp.MustCompile(`^\S+\.go:[0-9]+: `)

// Reason is what a skipped test said.
func (t Test) Reason() string {
	var said []string
	for line := range strings.Lines(t.Output) {
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
