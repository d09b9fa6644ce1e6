package main

import (
	"fmt"
	"os"
	osexec "os/exec"

	"github.com/wardproc/ward/exec"
)

// printed is how many bytes the program Print writes.
const printed = 1 << 20

// An execCmd is an *exec.Cmd of either package.
type execCmd interface {
	Run() error
	Output() ([]byte, error)
}

// commands make the command that both packages make of the same program. On the
// side of ward that is package ward/exec.
var commands = map[string]func(p program) execCmd{
	osExecName: func(p program) execCmd {
		cmd := osexec.Command(p.Path)
		cmd.Env = p.Env
		return cmd
	},
	wardName: func(p program) execCmd {
		cmd := exec.Command(p.Path)
		cmd.Env = p.Env
		return cmd
	},
}

// runCase is rateCase as most programs have it: Cmd.Run, which opens the null
// device for the child.
func runCase() *benchCase {
	return commandCase("run", "Cmd.Run per second, -at so many at a time",
		"Cmd.Run of short children (ward: package ward/exec)",
		func(cmd execCmd) error { return cmd.Run() })
}

// outputCase is runCase with two pipes and the goroutines that read them.
func outputCase() *benchCase {
	return commandCase("output", "Cmd.Output per second, -at so many at a time",
		"Cmd.Output of short children that print nothing (ward: package ward/exec)",
		func(cmd execCmd) error {
			_, err := cmd.Output()
			return err
		})
}

func commandCase(name, about, title string, run func(execCmd) error) *benchCase {
	return &benchCase{
		name:      name,
		about:     about,
		title:     title,
		libraries: bothLibraries,
		sizes:     func(o options, _ programs) ([]int, []string) { return o.At, nil },
		measure: func(_ library, c cell) (samples, error) {
			rate, err := rate(func() error { return run(commands[c.Library](c.Programs.Exit)) }, c.Size, c.Time)
			return samples{"rate": {rate}}, err
		},
		metrics: []metric{
			{name: "rate", label: "%n at a time", unit: unitRate, higher: true},
		},
	}
}

// printCase has Cmd.Output read much.
func printCase() *benchCase {
	const children = 50
	return &benchCase{
		name:      "print",
		about:     "Cmd.Output of 1 MiB",
		title:     "Cmd.Output of 1 MiB, one at a time (ward: package ward/exec)",
		libraries: bothLibraries,
		sizes:     func(options, programs) ([]int, []string) { return []int{children}, nil },
		measure: func(_ library, c cell) (samples, error) {
			times, err := times(func() error {
				out, err := commands[c.Library](c.Programs.Print).Output()
				if err == nil && len(out) != printed {
					err = fmt.Errorf("%d bytes of output, want %d", len(out), printed)
				}
				return err
			}, c.Size)
			return samples{"time": times}, err
		},
		metrics: []metric{
			{name: "time", label: "start to end", unit: unitTime},
		},
	}
}

func printMain() int {
	if _, err := os.Stdout.Write(make([]byte, printed)); err != nil {
		return 1
	}
	return 0
}
