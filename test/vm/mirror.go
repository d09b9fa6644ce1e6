package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/wardproc/ward/test/internal/suite"
)

// A mirror is where an archive of Debian is and which keys sign it.
type mirror struct {
	uri     string
	keyring string // empty for the keys apt trusts anyway
}

// findMirror returns the mirror that was asked for, or the one the machine's
// own apt uses.
func findMirror(ctx context.Context, o options) (mirror, error) {
	if o.mirror != "" {
		return mirror{uri: o.mirror, keyring: o.keyring}, nil
	}
	if err := needApt(); err != nil {
		return mirror{}, err
	}
	t, err := findTarget(ctx)
	if err != nil {
		return mirror{}, err
	}
	keyring, err := signedBy(t.source)
	return mirror{uri: t.uri, keyring: keyring}, err
}

// findTarget asks apt twice: about the archives whose lists it has, of which it
// knows what they are, and then, for a machine without lists, about all.
func findTarget(ctx context.Context) (target, error) {
	for _, option := range []string{"--release-info", "--no-release-info"} {
		out, err := suite.Output(exec.CommandContext(ctx, "apt-get", "indextargets", option, "--format", targetFormat))
		if err != nil {
			return target{}, err
		}
		if t, ok := debianTarget(out); ok {
			return t, nil
		}
	}
	return target{}, errors.New("apt of this machine has no Debian mirror: name one with -mirror, and with -keyring the file of the package debian-archive-keyring")
}

func needApt() error {
	for _, tool := range []string{"apt-get", "apt-cache", "apt-config", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: kernels are packages of Debian, so run this where apt and dpkg are installed", tool)
		}
	}
	return nil
}

// targetFormat makes apt-get indextargets print what parseTarget reads.
const targetFormat = "$(CREATED_BY)|$(RELEASE)|$(LABEL)|$(COMPONENT)|$(REPO_URI)|$(SOURCESENTRY)"

// A target is an index that apt fetches.
type target struct {
	createdBy, release, label, component, uri string
	source                                    string // file:entry
}

func parseTarget(line string) (target, bool) {
	f := strings.Split(strings.TrimSpace(line), "|")
	if len(f) != 6 {
		return target{}, false
	}
	return target{f[0], f[1], f[2], f[3], f[4], f[5]}, true
}

// debianReleases are the names under which a machine may have the main archive
// of Debian: derivatives and archives of vendors use other ones.
var debianReleases = []string{
	"bullseye", "bookworm", "trixie", "forky", "sid",
	"oldoldstable", "oldstable", "stable", "testing", "unstable",
}

// debianTarget picks the main archive of Debian: by its label, or else, where
// apt does not know labels, the first likely one.
func debianTarget(indextargets []byte) (target, bool) {
	var likely []target
	for line := range strings.Lines(string(indextargets)) {
		t, ok := parseTarget(line)
		if !ok || t.createdBy != "Packages" || t.component != "main" || !slices.Contains(debianReleases, t.release) {
			continue
		}
		switch t.label {
		case "Debian":
			return t, true
		case "", "$(LABEL)":
			likely = append(likely, t)
		}
	}
	if len(likely) == 0 {
		return target{}, false
	}
	return likely[0], true
}

// signedBy reads the keyring out of an entry of sources.list(5), which apt
// names but does not show. An entry without one, or with a key instead of a
// file, gives none.
func signedBy(entry string) (string, error) {
	file, number, _ := cutLast(entry, ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		return "", fmt.Errorf("apt names no entry in %q", entry)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	value := signedByOption
	if filepath.Ext(file) == ".sources" {
		value = signedByField
	}
	if keyring := value(b, n); filepath.IsAbs(keyring) {
		return keyring, nil
	}
	return "", nil
}

// signedByOption reads line n of a file in one-line style.
func signedByOption(list []byte, n int) string {
	lines := bytes.Split(list, []byte("\n"))
	if n < 1 || n > len(lines) {
		return ""
	}
	_, options, _ := strings.Cut(string(lines[n-1]), "[")
	options, _, _ = strings.Cut(options, "]")
	for option := range strings.FieldsSeq(options) {
		if v, ok := cutPrefixFold(option, "signed-by="); ok {
			v, _, _ = strings.Cut(v, ",")
			return v
		}
	}
	return ""
}

// signedByField reads stanza n of a file in deb822 style.
func signedByField(sources []byte, n int) string {
	stanza := 0
	inside := false
	for line := range strings.Lines(string(sources)) {
		blank := strings.TrimSpace(line) == ""
		if !blank && !inside && !strings.HasPrefix(line, "#") {
			stanza++
			inside = true
		}
		if blank {
			inside = false
		}
		if v, ok := cutPrefixFold(line, "signed-by:"); ok && stanza == n {
			if fields := strings.Fields(v); len(fields) > 0 {
				return fields[0]
			}
		}
	}
	return ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
