// Package suite builds the test binaries of ward for runs elsewhere, in a virtual
// machine or a container, and reads what they print.
package suite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Suite is a package whose tests are run.
type Suite struct {
	Name string // as the user wrote it
	Dir  string
}

// Find turns package paths relative to the root of the repository into folders.
func Find(ctx context.Context, packages []string) ([]Suite, error) {
	root, err := repositoryRoot(ctx)
	if err != nil {
		return nil, err
	}
	suites := make([]Suite, len(packages))
	for i, p := range packages {
		dir := p
		if !filepath.IsAbs(p) {
			dir = filepath.Join(root, p)
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("package %s: no folder %s", p, dir)
		}
		suites[i] = Suite{Name: p, Dir: dir}
	}
	return suites, nil
}

// repositoryRoot finds the module that contains the one of this program.
func repositoryRoot(ctx context.Context) (string, error) {
	out, err := Output(exec.CommandContext(ctx, "go", "env", "GOMOD"))
	if err != nil {
		return "", err
	}
	own := filepath.Dir(strings.TrimSpace(string(out)))
	for dir := filepath.Dir(own); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above %s: this works only inside the repository", own)
		}
	}
}

// Build compiles the test binary of a suite to path, for GOARCH arch. It is static:
// there is no C library where it runs. Flags are those of go test -c.
func (s Suite) Build(ctx context.Context, arch, path string, flags ...string) error {
	args := slices.Concat([]string{"test", "-c", "-o", path}, flags, []string{"."})
	if err := GoBuild(ctx, arch, s.Dir, args...); err != nil {
		return fmt.Errorf("package %s: %w", s.Name, err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("package %s has no tests", s.Name)
	}
	return nil
}

// GoBuild runs the go command for Linux. Only the race detector needs cgo: its
// runtime is written in C.
func GoBuild(ctx context.Context, arch, dir string, args ...string) error {
	cgo := "CGO_ENABLED=0"
	if slices.Contains(args, "-race") {
		cgo = "CGO_ENABLED=1"
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, cgo)
	_, err := Output(cmd)
	return err
}
