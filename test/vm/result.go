package main

import (
	"errors"
	"fmt"

	"github.com/wardproc/ward/test/internal/suite"
	"github.com/wardproc/ward/test/vm/internal/plan"
)

// A result is what came of one run of one suite.
type result struct {
	suite   string
	mode    plan.Mode
	output  []byte
	seconds float64
	facts   map[string]string // what the suite says of ward: backend, tier, ...
	tests   []suite.Test      // without those that are only parents of others
	left    []string          // processes that outlived the test binary
	broken  error             // what went wrong beyond single tests
	tierErr error             // the kernel and what ward says of it do not agree
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
	r.facts = suite.Facts(s.output)
	r.tierErr = checkTier(c.release, r.facts["tier"])
	r.tests, r.broken = suite.Results(s.output)
	if r.broken == nil {
		r.broken = r.checkExit(s.exit)
	}
	return r
}

// checkExit says what is wrong with the end of a run beyond the tests that
// failed.
func (r result) checkExit(exit *plan.Record) error {
	switch {
	case exit == nil:
		return errors.New("did not end")
	case exit.Error != "":
		return fmt.Errorf("did not start: %s", exit.Error)
	}
	return suite.CheckExit(r.tests, exit.Code)
}

func (r result) count(action string) int {
	return suite.Count(r.tests, action)
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
