package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

// A matrix is kernels by suites: it boots each kernel once and runs all suites
// in that boot.
type matrix struct {
	options     options
	machine     machine
	accelerator string
	payload     payload
	work        string // folder for what is of no use afterwards
	logs        string // folder
	progress    io.Writer
}

// A boot is what came of one kernel.
type boot struct {
	kernel  kernel
	log     string // path
	seconds float64
	console console
	runs    []result
	err     error // the kernel did not come up or not to the end of the plan
}

// bootAll boots the kernels, some of them at a time.
func (m *matrix) bootAll(ctx context.Context, kernels []kernel) []boot {
	boots := make([]boot, len(kernels))
	free := make(chan struct{}, m.options.jobs)
	var wg sync.WaitGroup
	for i, k := range kernels {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			boots[i] = m.boot(ctx, k)
		})
	}
	wg.Wait()
	return boots
}

// boot runs all suites on one kernel.
func (m *matrix) boot(ctx context.Context, k kernel) boot {
	b := boot{kernel: k, log: filepath.Join(m.logs, k.series+".log")}
	ctx, cancel := context.WithTimeoutCause(ctx, m.options.timeout,
		fmt.Errorf("not done after %v", m.options.timeout))
	defer cancel()

	began := time.Now()
	runs := m.plan(k)
	b.console, b.err = m.start(ctx, k, runs, b.log)
	b.seconds = time.Since(began).Seconds()
	for i, r := range runs {
		b.runs = append(b.runs, newResult(r, b.console, i))
	}
	fmt.Fprintf(m.progress, "vm: %s ran for %.1f s\n", b.name(), b.seconds)
	return b
}

// name is the release of the kernel as uname -r says it, if it got that far.
func (b boot) name() string {
	if b.console.release != "" {
		return b.console.release
	}
	return b.kernel.version
}

// plan lists what one kernel runs: each suite as an ordinary process, then, on
// the kernels chosen by -pid1, each as PID 1, but for what would be none: the
// processes that TestVariants runs, and the default suites with one for each test.
func (m *matrix) plan(k kernel) []plan.Run {
	var runs []plan.Run
	for _, mode := range m.modes(k) {
		for i, t := range m.payload.tests {
			flags := m.testFlags()
			if mode == plan.PID1 {
				if slices.Contains(m.options.neverPID1, t.suite) {
					continue
				}
				flags = append(flags, "-test.skip=^TestVariants$")
			}
			runs = append(runs, plan.Run{
				Suite:  t.suite,
				Binary: guestPath(i),
				Args:   append(flags, m.options.args...),
				Mode:   mode,
			})
		}
	}
	return runs
}

func (m *matrix) modes(k kernel) []plan.Mode {
	if m.options.pid1 == "all" || m.options.pid1 == newest && k.newest {
		return []plan.Mode{plan.Child, plan.PID1}
	}
	return []plan.Mode{plan.Child}
}

// testFlags let a binary that hangs say where, before QEMU is killed: the boot
// and the end need some of the time, too.
func (m *matrix) testFlags() []string {
	limit := max(m.options.timeout-30*time.Second, m.options.timeout/2)
	return []string{"-test.v=test2json", "-test.timeout=" + limit.String()}
}

// guestPath is where the virtual machine has a test binary.
func guestPath(i int) string {
	return "/tests/" + strconv.Itoa(i) + ".test"
}

// start boots a kernel for some runs, waits for its end, and reads the console,
// which is left in the file log. The error says why it did not end as planned.
func (m *matrix) start(ctx context.Context, k kernel, runs []plan.Run, log string) (console, error) {
	initrd := filepath.Join(m.work, k.version+".cpio")
	if err := initramfs(initrd, m.payload, runs); err != nil {
		return console{}, err
	}
	defer os.Remove(initrd)
	f, err := os.Create(log)
	if err != nil {
		return console{}, err
	}
	defer f.Close()

	cmd := m.machine.command(ctx, m.accelerator, m.options.memory, k.image, initrd)
	cmd.Stdout = f
	cmd.Stderr = f
	err = cmd.Run() // at the end of ctx it kills QEMU
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	text, readErr := os.ReadFile(log)
	if readErr != nil {
		return console{}, readErr
	}
	c := parseConsole(text)
	if err == nil {
		err = c.problem()
	}
	return c, err
}

// problem says why a machine that ended by itself ended too early.
func (c console) problem() error {
	switch {
	case c.endError != "":
		return errors.New("init: " + c.endError)
	case c.release == "":
		return errors.New("the init did not come up")
	case !c.ended:
		return errors.New("the machine died")
	}
	return nil
}
