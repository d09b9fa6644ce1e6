// Vm runs the test binaries of ward on real Debian kernels in QEMU and prints
// which kernel passed what.
//
//	go -C test/vm run . [flags] [packages]
//
// Packages are paths relative to the root of the repository; without any, the
// root package, ./test/conformance and ./test/hostile are run. The kernels come
// through apt and are unpacked, never installed; they and the logs stay in the
// cache folder, so that a second run needs no network.
//
// The last line of the output says "N passed, N failed, N skipped". Tests with
// subtests are not counted, their subtests are. A kernel that did not boot, a
// suite that ran no test or ended badly, and a tier that is not the one the
// kernel allows count as one failure each.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/wardproc/ward/test/internal/suite"
)

func main() {
	opts, err := parseOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// run says whether everything that was asked for passed. An error is what kept
// it from getting as far as a report.
func run(ctx context.Context, opts options) (bool, error) {
	suites, err := suite.Find(ctx, opts.packages)
	if err != nil {
		return false, err
	}
	work, err := os.MkdirTemp("", "ward-vm-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(work)

	payload, err := build(ctx, work, suites, opts)
	if err != nil {
		return false, err
	}
	machine, err := findQEMU(ctx, opts)
	if err != nil {
		return false, err
	}
	kernels, missing, err := fetchKernels(ctx, opts)
	if err != nil {
		return false, err
	}
	logs := filepath.Join(opts.cache, "logs", opts.arch)
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return false, err
	}
	m := matrix{options: opts, machine: machine, payload: payload, work: work, logs: logs, progress: os.Stderr}
	m.chooseAccelerator(ctx, kernels)

	rep := report{boots: m.bootAll(ctx, kernels), missing: missing, skipMissing: opts.skipMissing}
	rep.print(os.Stdout)
	return rep.ok(), ctx.Err()
}
