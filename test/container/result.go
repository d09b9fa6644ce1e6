package main

import (
	"errors"
	"fmt"
	"os/exec"

	"github.com/wardproc/ward/test/internal/suite"
)

// A result is what came of one suite in one environment.
type result struct {
	environment string
	suite       string
	output      []byte
	seconds     float64
	facts       map[string]string // what the suite says of ward: backend, tier, ...
	tests       []suite.Test      // without those that are only parents of others
	broken      error             // what went wrong beyond single tests
	backendErr  error             // ward has found another backend than it should
}

// newResult reads the output of a run, which err is the end of.
func newResult(output []byte, seconds float64, err error, backend string) result {
	r := result{output: output, seconds: seconds, facts: suite.Facts(output)}
	if found := r.facts["backend"]; backend != "" && found != "" && found != backend {
		r.backendErr = fmt.Errorf("ward has chosen the backend %s, want %s", found, backend)
	}
	if r.tests, r.broken = suite.Results(output); r.broken != nil {
		return r
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		r.broken = suite.CheckExit(r.tests, 0)
	case errors.As(err, &exit):
		r.broken = suite.CheckExit(r.tests, exit.ExitCode())
	default:
		r.broken = err
	}
	return r
}

func (r result) count(action string) int { return suite.Count(r.tests, action) }

func (r result) ok() bool { return r.failures() == 0 }

// failures counts the tests that failed and, as one each, what else did.
func (r result) failures() int {
	n := r.count("fail")
	for _, err := range []error{r.broken, r.backendErr} {
		if err != nil {
			n++
		}
	}
	return n
}

func (r result) fact(key string) string {
	if v := r.facts[key]; v != "" {
		return v
	}
	return "-"
}

func (r result) word() string {
	if r.ok() {
		return "ok"
	}
	return "FAIL"
}
