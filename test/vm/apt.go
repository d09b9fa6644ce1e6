package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wardproc/ward/test/internal/suite"
)

// An aptState is an apt of our own: it shares with the machine's how to reach
// the network, and nothing else. It knows other releases of Debian, for another
// architecture, with no package installed, and works without root.
type aptState struct {
	dir string
}

// newAptState prepares the folder dir. Lists that are there already stay.
func newAptState(ctx context.Context, dir, arch string, m mirror, releases []string) (aptState, error) {
	a := aptState{dir: dir}
	if err := needApt(); err != nil {
		return a, err
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return a, err
		}
	}
	dump, err := suite.Output(exec.CommandContext(ctx, "apt-config", "dump"))
	if err != nil {
		return a, err
	}
	files := []struct {
		name, text string
		perm       fs.FileMode
	}{
		{"status", "", 0o644},
		{"sources.list", sourcesList(m, releases), 0o644},
		{"apt.conf", aptConf(dir, arch, dump), 0o600}, // a proxy address may hold a password
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), f.perm); err != nil {
			return a, err
		}
	}
	return a, nil
}

// aptConf is the whole configuration. It takes the settings for the network
// from the machine's and shuts out the rest, whose hooks may do anything.
func aptConf(dir, arch string, machine []byte) string {
	var b strings.Builder
	for line := range bytes.Lines(machine) {
		if bytes.HasPrefix(line, []byte("Acquire::")) {
			b.Write(line)
		}
	}
	for _, s := range [][2]string{
		{"APT::Architecture", arch},
		{"APT::Architectures::", arch},
		{"APT::Sandbox::User", "root"}, // the cache of root is closed to others
		{"Dir::Etc::main", "/dev/null"},
		{"Dir::Etc::parts", "/dev/null"},
		{"Dir::Etc::preferences", "/dev/null"},
		{"Dir::Etc::preferencesparts", "/dev/null"},
		{"Dir::Etc::sourceparts", "/dev/null"},
		{"Dir::Etc::sourcelist", filepath.Join(dir, "sources.list")},
		{"Dir::State", dir},
		{"Dir::State::lists", "lists/"},
		{"Dir::State::status", filepath.Join(dir, "status")},
		{"Dir::Cache", filepath.Join(dir, "cache")},
		{"Dir::Cache::pkgcache", ""}, // ten times the size of the lists, and soon built
		{"Dir::Cache::srcpkgcache", ""},
		{"Acquire::GzipIndexes", "true"},
	} {
		fmt.Fprintf(&b, "%s %q;\n", s[0], s[1])
	}
	return b.String()
}

func sourcesList(m mirror, releases []string) string {
	var b strings.Builder
	for _, release := range releases {
		b.WriteString(sourceLine(m, release))
	}
	return b.String()
}

// sourceLine is one entry of sources.list(5), for package lists only.
func sourceLine(m mirror, release string) string {
	options := "target=Packages"
	if m.keyring != "" {
		options += " signed-by=" + m.keyring
	}
	return fmt.Sprintf("deb [%s] %s %s main\n", options, m.uri, release)
}

// empty says whether no list was ever fetched.
func (a aptState) empty() bool {
	lists, _ := filepath.Glob(filepath.Join(a.dir, "lists", "*_Packages*"))
	return len(lists) == 0
}

func (a aptState) update(ctx context.Context) error {
	_, err := suite.Output(a.command(ctx, "apt-get", "update"))
	return err
}

// search returns the newest version of each package whose name matches the
// regular expression.
func (a aptState) search(ctx context.Context, name string) ([]debPackage, error) {
	out, err := suite.Output(a.command(ctx, "apt-cache", "search", "--full", "--names-only", name))
	return parsePackages(out), err
}

// download fetches a package into the folder dir and returns its path.
func (a aptState) download(ctx context.Context, p debPackage, dir string) (string, error) {
	cmd := a.command(ctx, "apt-get", "download", p.name+"="+p.version)
	cmd.Dir = dir
	if _, err := suite.Output(cmd); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("apt-get download %s left %d packages", p.name, len(debs))
	}
	return debs[0], nil
}

func (a aptState) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"), "LC_ALL=C")
	return cmd
}

// A debPackage is one version of a package of Debian.
type debPackage struct {
	name, version string
}

// parsePackages reads stanzas as apt-cache prints them.
func parsePackages(stanzas []byte) []debPackage {
	var packages []debPackage
	var p debPackage
	for line := range strings.Lines(string(stanzas)) {
		line = strings.TrimRight(line, "\n")
		if v, ok := strings.CutPrefix(line, "Package: "); ok {
			p = debPackage{name: v}
		}
		if v, ok := strings.CutPrefix(line, "Version: "); ok && p.name != "" {
			p.version = v
			packages = append(packages, p)
			p = debPackage{}
		}
	}
	return packages
}
