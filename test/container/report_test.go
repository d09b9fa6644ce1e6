package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/wardproc/ward/test/internal/suite"
)

func TestReport(t *testing.T) {
	passed := suite.Test{Name: "TestA", Action: "pass"}
	skipped := suite.Test{Name: "TestB", Action: "skip", Output: "    x_test.go:3: no clone3\n"}
	failed := suite.Test{Name: "TestA", Action: "fail", Output: "    x_test.go:9: wrong\n"}
	facts := map[string]string{"backend": "pidfd", "tier": "recoverable", "spawn": "fast"}
	r := report{
		results: []result{
			{environment: "docker", suite: ".", seconds: 14.7, facts: facts, tests: []suite.Test{passed, skipped}},
			{environment: "gvisor", suite: ".", seconds: 2, tests: []suite.Test{failed, skipped}},
			{environment: "gvisor", suite: "./exec", output: []byte("\x16=== RUN\n"), broken: errors.New("not done after 1m0s")},
		},
		missing: []error{errors.New("environment podman: runc is not installed")},
		logs:    "/cache/logs",
	}
	const want = `=== gvisor .: TestA failed
    x_test.go:9: wrong

=== gvisor ./exec: not done after 1m0s
=== RUN

environment  suite   tests  passed  failed  skipped  seconds  backend  tier         spawn  result
docker       .       2      1       0       1        14.7     pidfd    recoverable  fast   ok
gvisor       .       2      0       1       1        2.0      -        -            -      FAIL
gvisor       ./exec  0      0       0       0        0.0      -        -            -      FAIL

skipped:
  . TestB: no clone3 [docker, gvisor]

failed: environment podman: runc is not installed

logs: /cache/logs

1 passed, 3 failed, 2 skipped
`
	var b strings.Builder
	r.print(&b)
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if r.ok() {
		t.Error("the report is ok")
	}
}

func TestMissingEnvironmentMayBeSkipped(t *testing.T) {
	r := report{missing: []error{errors.New("only root can run runc")}}
	if r.ok() {
		t.Error("without -missing skip it is ok")
	}
	r.skipMissing = true
	var b strings.Builder
	r.print(&b)
	const want = "\nSKIPPED: only root can run runc\n\n0 passed, 0 failed, 1 skipped\n"
	if b.String() != want || !r.ok() {
		t.Errorf("got %q, ok %v, want %q", b.String(), r.ok(), want)
	}
}
