package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDebianTarget(t *testing.T) {
	for _, c := range []struct {
		name, targets, uri string
	}{
		{"labelled", `
Packages|bookworm|Vendor|main|http://vendor.example/debian/|/etc/apt/sources.list.d/a.list:1
Packages|bookworm-security|Debian-Security|main|http://mirror.example/security/|/etc/apt/sources.list.d/debian.sources:2
DEP-11|bookworm|Debian|main|http://mirror.example/dep/|/etc/apt/sources.list.d/debian.sources:1
Packages|bookworm|Debian|contrib|http://mirror.example/contrib/|/etc/apt/sources.list.d/debian.sources:1
Packages|bookworm|Debian|main|http://mirror.example/debian/|/etc/apt/sources.list.d/debian.sources:1
`, "http://mirror.example/debian/"},
		{"without lists", `
Packages|cloud-sdk-bookworm|$(LABEL)|main|http://vendor.example/apt/|/etc/apt/sources.list.d/a.list:1
Packages|stable|$(LABEL)|main|http://mirror.example/debian/|/etc/apt/sources.list:1
Packages|bookworm|$(LABEL)|main|http://second.example/debian/|/etc/apt/sources.list:9
`, "http://mirror.example/debian/"},
		{"another distribution", `
Packages|noble|Ubuntu|main|http://archive.example/ubuntu/|/etc/apt/sources.list.d/ubuntu.sources:1
`, ""},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := debianTarget([]byte(c.targets))
			if got.uri != c.uri || ok != (c.uri != "") {
				t.Errorf("got %q, %v, want %q", got.uri, ok, c.uri)
			}
		})
	}
}

func TestSignedBy(t *testing.T) {
	const sources = `# of the main archive

Types: deb
URIs: http://mirror.example/debian
signed-by: /keys/main.gpg

# alone

# inside
Types: deb
URIs: http://mirror.example/security
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .

Types: deb
URIs: http://mirror.example/other
`
	const list = `
deb http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/keys/one.gpg,/keys/two.gpg] http://mirror.example/debian bookworm main
`
	dir := t.TempDir()
	for name, text := range map[string]string{"debian.sources": sources, "debian.list": list} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for entry, want := range map[string]string{
		"debian.sources:1": "/keys/main.gpg",
		"debian.sources:2": "",
		"debian.sources:3": "",
		"debian.sources:4": "",
		"debian.list:2":    "",
		"debian.list:3":    "/keys/one.gpg",
		"debian.list:9":    "",
	} {
		if got, err := signedBy(filepath.Join(dir, entry)); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", entry, got, err, want)
		}
	}
	for _, entry := range []string{filepath.Join(dir, "missing.list") + ":1", "no-entry"} {
		if _, err := signedBy(entry); err == nil {
			t.Errorf("%s: no error", entry)
		}
	}
}

func TestMissingAptSaysWhereToRun(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findMirror(context.Background(), options{})
	if err == nil || !strings.Contains(err.Error(), "apt-get is missing") {
		t.Errorf("got %v, want an error about apt-get", err)
	}
}
