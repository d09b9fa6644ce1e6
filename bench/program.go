package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/wardproc/ward/internal/tinyprog"
)

// roleVar tells this binary, started again, what it is to be: the worker that
// takes one measurement, or a child where no ELF file can be one.
const roleVar = "WARD_BENCH_ROLE"

// roles are the values of roleVar. Each returns an exit code.
var roles = map[string]func() int{
	"worker": workerMain,
	"exit":   exitMain,
	"hold":   holdMain,
	"nap":    napMain,
	"print":  printMain,
}

// A program is what a child runs. Env is nil, as most callers of os/exec leave
// it, but for a program that is this binary.
type program struct {
	Path string
	Env  []string `json:",omitempty"`
}

// argv returns the arguments with which the program exit exits with code.
func (p program) argv(code byte) []string {
	if code == 0 {
		return []string{p.Path}
	}
	return []string{p.Path, string([]byte{code})}
}

// programs are the children of all measurements.
type programs struct {
	Exit  program // exits with the first byte of argv[1], or 0
	Hold  program // reads stdin to its end and exits with 0
	Nap   program // sleeps 1 ms, writes the time to stdout and exits with 0
	Print program // this binary, which writes 1 MiB to stdout and exits with 0
	Small bool    // they are minimal ELF files and not this binary
	About string
}

// preparePrograms writes the smallest children that run here into dir.
func preparePrograms(dir string) (programs, error) {
	p, err := elfPrograms(dir)
	self, selfErr := selfPrograms()
	if selfErr != nil {
		return programs{}, errors.Join(err, selfErr)
	}
	if err == nil {
		p.Print = self.Print
		return p, nil
	}
	self.About = fmt.Sprintf("this program itself (%v)", err)
	return self, nil
}

// elfPrograms writes the ELF files and tries one of them: the folder may be
// mounted noexec.
func elfPrograms(dir string) (programs, error) {
	if runtime.GOOS != "linux" || tinyprog.Exit(runtime.GOARCH) == nil {
		return programs{}, fmt.Errorf("no ELF child for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	write := func(name string, image []byte) (program, error) {
		path := filepath.Join(dir, name)
		return program{Path: path}, os.WriteFile(path, image, 0o700)
	}
	exit, err1 := write("exit", tinyprog.Exit(runtime.GOARCH))
	hold, err2 := write("hold", tinyprog.Hold(runtime.GOARCH))
	nap, err3 := write("nap", tinyprog.Nap(runtime.GOARCH))
	if err := errors.Join(err1, err2, err3); err != nil {
		return programs{}, err
	}
	if err := exec.Command(exit.Path).Run(); err != nil {
		return programs{}, fmt.Errorf("the ELF child does not run: %w", err)
	}
	return programs{Exit: exit, Hold: hold, Nap: nap, Small: true, About: "a static ELF file of one page"}, nil
}

// selfPrograms makes this binary the child.
func selfPrograms() (programs, error) {
	path, err := os.Executable()
	if err != nil {
		return programs{}, err
	}
	as := func(role string) program {
		return program{Path: path, Env: append(os.Environ(), roleVar+"="+role)}
	}
	return programs{Exit: as("exit"), Hold: as("hold"), Nap: as("nap"), Print: as("print")}, nil
}

func exitMain() int {
	if len(os.Args) > 1 && os.Args[1] != "" {
		return int(os.Args[1][0])
	}
	return 0
}

func holdMain() int {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return 1
	}
	return 0
}

func napMain() int {
	time.Sleep(time.Millisecond)
	stamp, err := now()
	if err != nil {
		return 1
	}
	if _, err := os.Stdout.Write(stamp.bytes()); err != nil {
		return 1
	}
	return 0
}
