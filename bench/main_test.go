package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain makes the test binary a worker or a child when the benchmark starts
// it again, as main does.
func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVar)]; ok {
		os.Exit(role())
	}
	goleak.VerifyTestMain(m)
}

// tiny are options with which every case takes a moment.
func tiny(t *testing.T) options {
	t.Helper()
	o, err := parseOptions([]string{
		"-rounds", "1", "-time", "20ms", "-at", "2", "-live", "5", "-children", "40",
		"-naps", "3", "-files", "100", "-heap", "16",
	}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// fullCases has TestCasesOnAKernel measure in earnest.
var fullCases = flag.String("cases", "", "measure these `cases` at full size, and log the report")

// TestCasesOnAKernel measures in a virtual machine, which has nothing but test
// binaries:
//
//	go -C test/vm run . -kernels newest -pid1 none -args "-test.run OnAKernel -cases private" ./bench
func TestCasesOnAKernel(t *testing.T) {
	o := tiny(t)
	o.Cases = []string{"private"}
	if *fullCases != "" {
		var err error
		if o, err = parseOptions([]string{"-rounds", "9", "-libraries", wardName, "-cases", *fullCases}, t.Output()); err != nil {
			t.Fatal(err)
		}
	}
	r, err := measureAll(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.failed() {
		t.Error("not all was measured")
	}
	if err := r.writeTable(t.Output()); err != nil {
		t.Error(err)
	}
}

// watchTemp gives the test a folder for temporary files and returns a function
// that fails the test if something is left in it.
func watchTemp(t *testing.T) (checkEmpty func()) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	return func() {
		t.Helper()
		left, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) > 0 {
			t.Errorf("left in the temporary folder: %v", left)
		}
	}
}

func TestMeasureAllGivesEveryRowAndRemovesItsFolder(t *testing.T) {
	checkEmpty := watchTemp(t)
	o := tiny(t)
	r, err := measureAll(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	checkEmpty()
	for _, run := range r.Runs {
		if run.Error != "" {
			t.Errorf("%s %d with %s: %s", run.Case, run.Size, run.Library, run.Error)
		}
	}
	for _, name := range o.Cases {
		if name == "heap" || name == "thief" && !canSteal {
			continue // as the memory allows
		}
		for _, lib := range caseNamed(name).libraries {
			measured := func(row row) bool { return row.Case == name && row.Values[lib] > 0 }
			if !isPeer(lib) && !slices.ContainsFunc(r.Rows, measured) {
				t.Errorf("case %s has no row with a value of %s", name, lib)
			}
		}
	}
}

func TestInterruptedMeasureAllRemovesItsFolder(t *testing.T) {
	checkEmpty := watchTemp(t)
	o := tiny(t)
	o.Cases, o.Time = []string{"rate"}, time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	begin := time.Now()
	if _, err := measureAll(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want the context's", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v to end", took)
	}
	checkEmpty()
}
