package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// A payload is what a virtual machine executes, built for its architecture.
type payload struct {
	init  string // path of the init
	tests []testBinary
}

type testBinary struct {
	suite string
	path  string
}

// build compiles the init and the test binaries into the folder work. They are
// static: there is no C library in the virtual machine.
func build(ctx context.Context, work string, suites []suite, o options) (payload, error) {
	p := payload{init: filepath.Join(work, "init")}
	if err := goBuild(ctx, o.arch, ".", "build", "-buildvcs=false", "-o", p.init, "github.com/wardproc/ward/test/vm/init"); err != nil {
		return p, err
	}
	for i, s := range suites {
		path := filepath.Join(work, strconv.Itoa(i)+".test")
		args := []string{"test", "-c", "-o", path}
		if o.race {
			args = append(args, "-race", "-ldflags=-linkmode=external -extldflags=-static")
		}
		if err := goBuild(ctx, o.arch, s.dir, append(args, ".")...); err != nil {
			return p, fmt.Errorf("package %s: %w", s.name, err)
		}
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return p, fmt.Errorf("package %s has no tests", s.name)
		}
		p.tests = append(p.tests, testBinary{suite: s.name, path: path})
	}
	return p, nil
}

// goBuild runs the go command for a virtual machine. Only the race detector
// needs cgo: its runtime is written in C.
func goBuild(ctx context.Context, arch, dir string, args ...string) error {
	cgo := "CGO_ENABLED=0"
	if slices.Contains(args, "-race") {
		cgo = "CGO_ENABLED=1"
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, cgo)
	_, err := output(cmd)
	return err
}
