// Tally reads what go test -json prints, shows what failed and was skipped, and
// counts the tests of each package:
//
//	go test -json ./... | go -C .ci/tally run .
//
// A test with subtests is not counted, its subtests are; it counts only where
// it failed and none of them did. A package that failed without a failed test,
// or that has tests and ran none, counts as one failure. The exit code is 1 if
// anything failed.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
)

func main() {
	show := flag.String("show", "^$", "also show what passed tests logged whose names match this `regexp`")
	totals := flag.String("totals", "", "append a line with the numbers passed, failed and skipped to this `file`")
	flag.Parse()
	ok, err := run(*show, *totals)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// run says whether all tests passed.
func run(show, totals string) (bool, error) {
	shown, err := regexp.Compile(show)
	if err != nil {
		return false, err
	}
	r := newReport(os.Stdout, shown)
	if err := r.read(os.Stdin); err != nil {
		return false, err
	}
	sum := r.close()
	if totals != "" {
		if err := appendLine(totals, sum); err != nil {
			return false, err
		}
	}
	return sum.failed == 0, nil
}

func appendLine(file string, c counts) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, c.passed, c.failed, c.skipped); err != nil {
		return err
	}
	return f.Close()
}
