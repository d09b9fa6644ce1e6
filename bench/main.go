// Bench compares package ward with os/exec, and with posix_spawn from C where a
// C compiler is there, in one run:
//
//	go -C bench run .
//
// It takes less than a minute and prints medians, ratios and how much the costs
// grow. Each figure comes from a fresh process that uses one library only, and
// the libraries take turns. The default repeats what is quick to measure; for
// figures to quote, let every case have its rounds on a quiet machine:
//
//	go -C bench run . -rounds 7
//	go -C bench run . -rounds 7 -cases rate,live -live 100,8000
//
// See -help for all flags and -list for the cases.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	if role, ok := roles[os.Getenv(roleVar)]; ok {
		os.Exit(role())
	}
	// The folder with the children is removed on a signal, too.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	code := mainCode(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// mainCode runs the benchmark and returns the exit code: 2 for wrong usage, 1
// for any measurement that failed.
func mainCode(ctx context.Context, args []string) int {
	o, err := parseOptions(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 2
	}
	if o.List {
		listCases(os.Stdout)
		return 0
	}
	r, err := measureAll(ctx, o)
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		return 1
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	write := r.writeTable
	if o.JSON {
		write = r.writeJSON
	}
	if err := write(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	if r.failed() {
		return 1
	}
	return 0
}

func listCases(w io.Writer) {
	for _, bc := range allCases() {
		fmt.Fprintf(w, "%-8s  %s\n", bc.name, bc.about)
	}
}

// measureAll measures with a temporary folder that it removes in the end.
func measureAll(ctx context.Context, o options) (r *report, err error) {
	dir, err := os.MkdirTemp("", "wardbench")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return measureIn(ctx, o, dir)
}

// measureIn prepares the children in dir, takes all measurements and sums them
// up.
func measureIn(ctx context.Context, o options, dir string) (*report, error) {
	begin := time.Now()
	p, err := preparePrograms(dir)
	if err != nil {
		return nil, err
	}
	b := &bench{}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	r := &report{Machine: describeMachine(), Options: o, Children: p.About}
	if slices.ContainsFunc(o.Libraries, isPeer) {
		if b.peer, err = buildPeer(ctx, dir); err != nil {
			r.Notes = append(r.Notes, fmt.Sprintf("no column for C: %v", err))
		}
	}
	groups, notes := groupsOf(o, p, b.peer)
	s := &schedule{groups: groups, rounds: o.Rounds}
	if o.Budget > 0 {
		s.deadline = begin.Add(o.Budget)
	}
	progress := newProgress(os.Stderr)
	defer progress.clear()
	r.Runs, err = b.take(ctx, s, cell{Time: o.Time, Programs: p, Dir: dir}, progress.show)
	if err != nil {
		return nil, err
	}
	r.Notes = slices.Concat(r.Notes, notes, failures(r.Runs), unmeasured(groups))
	r.Rows = rowsOf(groups, r.Runs)
	r.Growth = growthsOf(r.Rows)
	r.Seconds = time.Since(begin).Seconds()
	return r, nil
}
