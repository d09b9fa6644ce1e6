package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A suite is a package whose tests are run.
type suite struct {
	name string // as the user wrote it
	dir  string
}

var defaultPackages = []string{".", "./test/conformance", "./test/hostile"}

// findSuites turns package paths relative to the root of the repository into
// folders. Without any, it returns those of defaultPackages.
func findSuites(ctx context.Context, packages []string) ([]suite, error) {
	root, err := repositoryRoot(ctx)
	if err != nil {
		return nil, err
	}
	if len(packages) == 0 {
		packages = defaultPackages
	}
	suites := make([]suite, len(packages))
	for i, p := range packages {
		dir := p
		if !filepath.IsAbs(p) {
			dir = filepath.Join(root, p)
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("package %s: no folder %s", p, dir)
		}
		suites[i] = suite{name: p, dir: dir}
	}
	return suites, nil
}

// repositoryRoot finds the module that contains the one of this program.
func repositoryRoot(ctx context.Context) (string, error) {
	out, err := output(exec.CommandContext(ctx, "go", "env", "GOMOD"))
	if err != nil {
		return "", err
	}
	own := filepath.Dir(strings.TrimSpace(string(out)))
	for dir := filepath.Dir(own); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above %s: \"go -C test/vm run .\" works only inside the repository", own)
		}
	}
}
