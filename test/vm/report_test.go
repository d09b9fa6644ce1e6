package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/wardproc/ward/test/internal/suite"
	"github.com/wardproc/ward/test/vm/internal/plan"
)

func sampleReport() report {
	skip := suite.Test{Name: "TestRecover", Action: "skip", Output: "    x_test.go:3: needs Linux 6.15\n"}
	return report{
		boots: []boot{
			{
				kernel:  kernel{series: "6.12", version: "6.12.107-1"},
				log:     "/cache/logs/amd64/6.12.log",
				console: console{release: "6.12.107+deb13-cloud-amd64"},
				runs: []result{
					{suite: ".", mode: plan.Child, seconds: 14.7, tests: []suite.Test{{Name: "TestA", Action: "pass", Output: ""}, skip},
						facts: map[string]string{"backend": "pidfd", "tier": "detectable", "spawn": "std"}},
					{suite: ".", mode: plan.PID1, seconds: 2, tests: []suite.Test{{Name: "TestA", Action: "fail", Output: "    x_test.go:9: wrong\n"}, skip},
						left: []string{"exe", "exe"}},
				},
			},
			{
				kernel: kernel{series: "newest", version: "7.3.4-1~bpo13+1"},
				log:    "/cache/logs/amd64/newest.log",
				err:    errors.New("the machine died"),
				runs:   []result{{suite: ".", broken: errors.New("did not run")}},
			},
		},
		missing: []error{errors.New("kernel 6.18: gone")},
	}
}

func TestReport(t *testing.T) {
	const want = `=== 6.12.107+deb13-cloud-amd64 . (pid 1): TestA failed
    x_test.go:9: wrong

=== 7.3.4-1~bpo13+1: the machine died, see /cache/logs/amd64/newest.log


=== 7.3.4-1~bpo13+1 .: did not run
kernel                      suite      tests  passed  failed  skipped  seconds  backend  tier        spawn  result
6.12.107+deb13-cloud-amd64  .          2      1       0       1        14.7     pidfd    detectable  std    ok
6.12.107+deb13-cloud-amd64  . (pid 1)  2      0       1       1        2.0      -        -           -      FAIL
7.3.4-1~bpo13+1             .          0      0       0       0        0.0      -        -           -      FAIL

skipped:
  . TestRecover: needs Linux 6.15 [6.12]
  . (pid 1) TestRecover: needs Linux 6.15 [6.12]

left running at the end of a suite:
  6.12.107+deb13-cloud-amd64 . (pid 1): 2 (exe)

failed: kernel 6.18: gone

logs: /cache/logs/amd64

1 passed, 4 failed, 2 skipped
`
	var got strings.Builder
	sampleReport().print(&got)
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestReportIsGoodOnlyIfTestsPassed(t *testing.T) {
	passed := boot{runs: []result{{tests: []suite.Test{{Name: "TestA", Action: "pass", Output: ""}}}}}
	gone := []error{errors.New("gone")}
	for _, c := range []struct {
		name string
		r    report
		want bool
	}{
		{"passed", report{boots: []boot{passed}}, true},
		{"nothing ran", report{}, false},
		{"failed", sampleReport(), false},
		{"kernel is gone", report{boots: []boot{passed}, missing: gone}, false},
		{"kernel may be gone", report{boots: []boot{passed}, missing: gone, skipMissing: true}, true},
	} {
		if got := c.r.ok(); got != c.want {
			t.Errorf("%s: ok is %v", c.name, got)
		}
	}
}
