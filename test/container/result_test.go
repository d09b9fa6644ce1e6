package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestResultsAreJudged(t *testing.T) {
	const output = "ward: backend=pidfd tier=recoverable spawn=fast\n" +
		"\x16=== RUN   TestX\n\x16--- PASS: TestX (0.00s)\n\x16PASS\n"
	for _, c := range []struct {
		name, output string
		err          error
		backend      string
		want         string // part of what is wrong, empty if nothing is
	}{
		{"passed", output, nil, "pidfd", ""},
		{"no backend wanted", output, nil, "", ""},
		{"another backend", output, nil, "fallback", "backend pidfd, want fallback"},
		{"time limit", output, errors.New("not done after 1m0s"), "pidfd", "not done"},
		{"nothing ran", "runc: no\n", nil, "pidfd", "no test"},
		{"did not start", "", exec.ErrNotFound, "pidfd", "not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newResult([]byte(c.output), 1, c.err, c.backend)
			err := errors.Join(r.broken, r.backendErr)
			switch {
			case c.want == "" && !r.ok():
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
}
