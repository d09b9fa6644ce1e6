package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

// binaryOutput is what a test binary prints under -test.v=test2json, where the
// character that begins recognised lines is written as ^.
func binaryOutput(text string) []byte {
	return []byte(strings.ReplaceAll(text, "^", string(rune(testMark))))
}

func TestResultsCountSubtestsInsteadOfParents(t *testing.T) {
	results, err := testResults(binaryOutput(`ward: backend=pidfd tier=recoverable
^=== RUN   TestAlone
^--- PASS: TestAlone (0.01s)
^=== NAME  
^=== RUN   TestParent
^=== RUN   TestParent/good
^--- PASS: TestParent/good (0.00s)
^=== NAME  TestParent
^=== RUN   TestParent/bad
    a_test.go:7: is bad
^--- FAIL: TestParent/bad (0.00s)
^=== NAME  TestParent
^--- FAIL: TestParent (0.00s)
^=== NAME  
^=== RUN   TestOwnFault
^=== RUN   TestOwnFault/good
^--- PASS: TestOwnFault/good (0.00s)
^=== NAME  TestOwnFault
    a_test.go:9: not its subtest
^--- FAIL: TestOwnFault (0.00s)
^=== NAME  
^=== RUN   TestSkipped
    a_test.go:11: needs Linux 6.15
^--- SKIP: TestSkipped (0.00s)
^=== NAME  
^=== RUN   TestKilled
half a li`))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, r := range results {
		got[r.name] = r.action
	}
	want := map[string]string{
		"TestAlone":         "pass",
		"TestParent/good":   "pass",
		"TestParent/bad":    "fail",
		"TestOwnFault/good": "pass",
		"TestOwnFault":      "fail",
		"TestSkipped":       "skip",
		"TestKilled":        "fail",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, r := range results {
		if r.name == "TestParent/bad" && !strings.Contains(r.output, "is bad") {
			t.Errorf("output %q does not say why it failed", r.output)
		}
	}
}

func TestSkipReason(t *testing.T) {
	for output, want := range map[string]string{
		"=== RUN   TestX\n    x_test.go:51: needs Linux 6.15\n--- SKIP: TestX (0.00s)\n":  "needs Linux 6.15",
		"=== RUN   TestX\n    x_test.go:5: two\n        lines\n--- SKIP: TestX (0.00s)\n": "two lines",
		"=== RUN   TestX\n--- SKIP: TestX (0.00s)\n":                                      "no reason given",
	} {
		if got := (testResult{output: output}).reason(); got != want {
			t.Errorf("%q: got %q, want %q", output, got, want)
		}
	}
}

func TestWardFacts(t *testing.T) {
	for output, want := range map[string]map[string]string{
		"ward: backend=pidfd tier=recoverable spawn=standard\nPASS\n":      {"backend": "pidfd", "tier": "recoverable", "spawn": "standard"},
		"hello\nward: capabilities: backend=fallback tier=detectable\n":    {"backend": "fallback", "tier": "detectable"},
		"ward: start x: no such file\nward: backend=pidfd tier=private\n":  {"backend": "pidfd", "tier": "private"},
		"    x_test.go:1: ward: backend=pidfd tier=private\nward: a=b\nok": nil,
	} {
		if got := wardFacts([]byte(output)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", output, got, want)
		}
	}
}

const onePass = "^=== RUN   TestX\n^--- PASS: TestX (0.00s)\n^PASS\n"

func TestBadEndOfRunIsFailure(t *testing.T) {
	for _, c := range []struct {
		name, output string
		exit         *plan.Record
		want         string // part of the reason, empty if there is none
	}{
		{"passed", onePass, &plan.Record{}, ""},
		{"failed", "^=== RUN   TestX\n^--- FAIL: TestX (0.00s)\n^FAIL\n", &plan.Record{Code: 1}, ""},
		{"leak found by TestMain", onePass, &plan.Record{Code: 1}, "exit code 1"},
		{"failure hidden by TestMain", "^=== RUN   TestX\n^--- FAIL: TestX (0.00s)\n", &plan.Record{}, "exit code 0"},
		{"killed", onePass, &plan.Record{Code: 137}, "signal 9"},
		{"no test", "testing: warning: no tests to run\n^PASS\n", &plan.Record{}, "no test"},
		{"not started", "", &plan.Record{Code: 125, Error: "exec format error"}, "exec format error"},
		{"machine died", onePass, nil, "did not end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			con := console{
				release:  "6.18.0",
				sections: map[int]*section{0: {output: binaryOutput(c.output), exit: c.exit}},
			}
			r := newResult(plan.Run{}, con, 0)
			switch {
			case c.want == "" && r.broken != nil:
				t.Errorf("got %v", r.broken)
			case c.want != "" && (r.broken == nil || !strings.Contains(r.broken.Error(), c.want)):
				t.Errorf("got %v, want an error with %q", r.broken, c.want)
			}
		})
	}
}
