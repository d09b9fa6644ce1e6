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
	"strings"

	"github.com/wardproc/ward/test/internal/suite"
)

// installPackage installs a package of the machine's own release of Debian,
// from its backports, into the machine. The lists it takes for that are our
// own: the configuration of apt stays as it is.
func installPackage(ctx context.Context, name string, o options) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("-install: only root can install %s", name)
	}
	if err := needApt(); err != nil {
		return err
	}
	flags, err := backports(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "vm: installing %s\n", name)
	_, updateErr := suite.Output(aptGet(ctx, flags, "update"))
	_, err = suite.Output(aptGet(ctx, flags, "install", "-y", "--no-install-recommends", name))
	if err != nil {
		return errors.Join(err, updateErr) // alone, a source that is out of reach does not matter
	}
	return nil
}

func aptGet(ctx context.Context, flags []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "apt-get", slices.Concat(flags, args)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	return cmd
}

// backports returns the options with which apt-get prefers the backports of
// this machine's release and knows them beside the machine's own sources. Where
// the machine does not run a release of Debian there are none.
func backports(ctx context.Context, o options) ([]string, error) {
	b, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return nil, err
	}
	codename := osRelease(b, "VERSION_CODENAME")
	if osRelease(b, "ID") != "debian" || codename == "" {
		return nil, nil
	}
	m, err := findMirror(ctx, o)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.cache, "apt", "install")
	if err := os.MkdirAll(filepath.Join(dir, "lists", "partial"), 0o755); err != nil {
		return nil, err
	}
	release := codename + "-backports"
	list := filepath.Join(dir, "sources.list")
	if err := extendSources(list, sourceLine(m, release)); err != nil {
		return nil, err
	}
	return []string{
		"-o", "APT::Default-Release=" + release,
		"-o", "Dir::Etc::sourcelist=" + list,
		"-o", "Dir::State::lists=" + filepath.Join(dir, "lists"),
		"-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", // these are of other lists
		"-o", "APT::Sandbox::User=root",
	}, nil
}

// extendSources writes the machine's own sources.list and one more line.
func extendSources(path, line string) error {
	own, err := os.ReadFile("/etc/apt/sources.list")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, fmt.Appendf(own, "\n%s", line), 0o644)
}

// osRelease reads a value of os-release(5).
func osRelease(text []byte, key string) string {
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return ""
}
