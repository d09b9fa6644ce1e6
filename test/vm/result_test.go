package main

import (
	"strings"
	"testing"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

// binaryOutput is what a test binary prints under -test.v=test2json, where the
// character that begins recognised lines is written as ^.
func binaryOutput(text string) []byte {
	return []byte(strings.ReplaceAll(text, "^", "\x16"))
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
