package main

import (
	"regexp"
	"strings"
)

// counts are numbers of tests.
type counts struct {
	passed, failed, skipped int
}

func (c *counts) add(d counts) {
	c.passed += d.passed
	c.failed += d.failed
	c.skipped += d.skipped
}

// A suite is what is known of the tests of one package.
type suite struct {
	name   string
	order  []string         // of the names in tests
	tests  map[string]*test // by full name, such as TestX/sub
	output strings.Builder  // of no test
}

// A test ends with action pass, fail or skip. It has none if the test binary
// ended before it did.
type test struct {
	name   string
	action string
	output strings.Builder
}

func newSuite(name string) *suite {
	return &suite{name: name, tests: make(map[string]*test)}
}

func (s *suite) test(name string) *test {
	t := s.tests[name]
	if t == nil {
		t = &test{name: name}
		s.tests[name] = t
		s.order = append(s.order, name)
	}
	return t
}

// result is how the test counts: pass, fail, skip, or nothing where its
// subtests count.
func (s *suite) result(t *test) string {
	result := t.action
	if result == "" {
		result = "fail"
	}
	for _, name := range s.order {
		if !strings.HasPrefix(name, t.name+"/") {
			continue
		}
		if result != "fail" || s.result(s.tests[name]) == "fail" {
			return ""
		}
	}
	return result
}

func (s *suite) count() counts {
	var c counts
	for _, name := range s.order {
		switch s.result(s.tests[name]) {
		case "pass":
			c.passed++
		case "fail":
			c.failed++
		case "skip":
			c.skipped++
		}
	}
	return c
}

// loggedLine finds what a test logged, behind the place where it did.
var loggedLine = regexp.MustCompile(`(?m)^ *[^ ]+\.go:[0-9]+: (.*)$`)

// logged returns what the test logged, a line each.
func (t *test) logged() []string {
	var lines []string
	for _, m := range loggedLine.FindAllStringSubmatch(t.output.String(), -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// reason is what the test said as it was skipped.
func (t *test) reason() string {
	lines := t.logged()
	if len(lines) == 0 {
		return "no reason given"
	}
	return lines[len(lines)-1]
}
