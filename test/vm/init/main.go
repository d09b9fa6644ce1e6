//go:build linux

// Init is PID 1 of the virtual machines: it prepares a bare kernel for test
// binaries, runs those of the plan one after the other, reports each on the
// console, and resets the machine.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

func main() {
	if os.Args[0] == namespaceInit {
		fmt.Fprintln(os.Stderr, enterNamespace(os.Args[1:]))
		os.Exit(125)
	}
	end := plan.Record{Event: plan.End}
	if err := serve(); err != nil {
		end.Error = err.Error()
	}
	end.Write(os.Stdout)
	reset()
}

// serve carries out the plan.
func serve() error {
	if err := prepare(); err != nil {
		return err
	}
	runs, err := readPlan()
	if err != nil {
		return err
	}
	boot := plan.Record{Event: plan.Boot, Kernel: release()}
	if err := boot.Write(os.Stdout); err != nil {
		return err
	}
	for i, r := range runs {
		start := plan.Record{Event: plan.Start, Run: i}
		if err := start.Write(os.Stdout); err != nil {
			return err
		}
		exit := run(r)
		exit.Run = i
		if err := exit.Write(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

func readPlan() ([]plan.Run, error) {
	b, err := os.ReadFile(plan.Path)
	if err != nil {
		return nil, err
	}
	var p plan.Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", plan.Path, err)
	}
	return p.Runs, nil
}

// release is what uname -r prints.
func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err.Error()
	}
	return unix.ByteSliceToString(u.Release[:])
}

// reset ends the machine. The console is drained first, or the last lines
// would be lost; if the reset fails, the death of PID 1 has the same effect.
func reset() {
	const drain = 1 // tcdrain(3) is TCSBRK with a nonzero argument
	unix.IoctlSetInt(int(os.Stdout.Fd()), unix.TCSBRK, drain)
	unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}
