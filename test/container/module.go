package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/wardproc/ward/test/internal/suite"
)

// A goModule is a module of which we want a file or a program, and no code.
type goModule struct {
	path, version string
}

func (g goModule) String() string { return g.path + "@" + g.version }

// folder returns where the source of the module is, which the go command fetches.
func (g goModule) folder(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", g.String())
	out, err := cmd.Output() // with the reason in it if it fails
	var module struct{ Dir, Error string }
	if e := json.Unmarshal(out, &module); e != nil && err == nil {
		err = e
	}
	if module.Error != "" || err != nil {
		return "", fmt.Errorf("go mod download %v: %w\n%s", g, err, module.Error)
	}
	return module.Dir, nil
}

// install builds the program in the folder below of the module and returns its path
// in the cache, where it may be already.
func (g goModule) install(ctx context.Context, below, cache string) (string, error) {
	dir := filepath.Join(cache, "programs", g.version)
	program := filepath.Join(dir, filepath.Base(below))
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	fmt.Fprintf(os.Stderr, "container: building %s of %v\n", below, g)
	cmd := exec.CommandContext(ctx, "go", "install", g.path+"/"+below+"@"+g.version)
	// runsc starts itself where there is no C library.
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0")
	_, err := suite.Output(cmd)
	return program, err
}
