package suite

import (
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// binaryOutput is what a test binary prints under -test.v=test2json, where the
// character that begins recognised lines is written as ^.
func binaryOutput(text string) []byte {
	return []byte(strings.ReplaceAll(text, "^", string(rune(mark))))
}

func TestResultsCountSubtestsInsteadOfParents(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("the go command is missing: %v", err)
	}
	results, err := Results(binaryOutput(`ward: backend=pidfd tier=recoverable
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
		got[r.Name] = r.Action
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
		if r.Name == "TestParent/bad" && !strings.Contains(r.Output, "is bad") {
			t.Errorf("output %q does not say why it failed", r.Output)
		}
	}
}

func TestSkipReason(t *testing.T) {
	for output, want := range map[string]string{
		"=== RUN   TestX\n    x_test.go:51: needs Linux 6.15\n--- SKIP: TestX (0.00s)\n":  "needs Linux 6.15",
		"=== RUN   TestX\n    x_test.go:5: two\n        lines\n--- SKIP: TestX (0.00s)\n": "two lines",
		"=== RUN   TestX\n--- SKIP: TestX (0.00s)\n":                                      "no reason given",
	} {
		if got := (Test{Output: output}).Reason(); got != want {
			t.Errorf("%q: got %q, want %q", output, got, want)
		}
	}
}

func TestFacts(t *testing.T) {
	for output, want := range map[string]map[string]string{
		"ward: backend=pidfd tier=recoverable spawn=standard\nPASS\n":      {"backend": "pidfd", "tier": "recoverable", "spawn": "standard"},
		"hello\nward: capabilities: backend=fallback tier=detectable\n":    {"backend": "fallback", "tier": "detectable"},
		"ward: start x: no such file\nward: backend=pidfd tier=private\n":  {"backend": "pidfd", "tier": "private"},
		"    x_test.go:1: ward: backend=pidfd tier=private\nward: a=b\nok": nil,
	} {
		if got := Facts([]byte(output)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", output, got, want)
		}
	}
}
