// Container runs the test binaries of ward in containers, in gVisor and under
// qemu-user, and prints which environment passed what.
//
//	go -C test/container run . [flags] [packages]
//
// Packages are paths relative to the root of the repository; without any, the root
// package, ./exec, ./test/conformance, ./test/hostile and the examples are run. Each
// is PID 1 of a container of its own, whose root has nothing but the test binary,
// /proc, /dev and /tmp. The seccomp profiles are those of Docker and podman, from
// their Go modules; runsc, gVisor's runtime, is built from its Go module and stays
// in the cache folder, with the output of each suite.
//
// With -bench they run the program of package bench instead, and print its figures.
//
// It needs root and runc. The last line of the output says "N passed, N failed, N
// skipped". Tests with subtests are not counted, their subtests are. An environment
// that cannot be had, a suite that ran no test or ended badly, and a backend that is
// not the one an environment allows count as one failure each.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/wardproc/ward/test/internal/suite"
)

func main() {
	if os.Args[0] == namespaceInit {
		if err := enter(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(125)
		}
		return
	}
	opts, err := parseOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "container:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "container:", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// run says whether everything that was asked for passed. An error is what kept it
// from getting as far as a report.
func run(ctx context.Context, opts options) (bool, error) {
	suites, err := suite.Find(ctx, opts.packages)
	if err != nil {
		return false, err
	}
	work, err := os.MkdirTemp("", "ward-container-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil { // not every container is root's
		return false, err
	}
	m := matrix{options: opts, suites: suites, work: work, progress: os.Stderr}
	if opts.bench != "" {
		return m.benchAll(ctx, os.Stdout), ctx.Err()
	}
	rep := m.runAll(ctx)
	rep.print(os.Stdout)
	return rep.ok(), ctx.Err()
}
