package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseQEMUVersion(t *testing.T) {
	for out, want := range map[string]struct {
		version string
		major   int
	}{
		"QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)\nCopyright (c)": {"10.0.2", 10},
		"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)":                        {"7.2.22", 7},
	} {
		version, major, err := parseQEMUVersion([]byte(out))
		if version != want.version || major != want.major || err != nil {
			t.Errorf("%q: got %s, %d, %v", out, version, major, err)
		}
	}
	if _, _, err := parseQEMUVersion([]byte("Segmentation fault\n")); err == nil {
		t.Error("no error without a version")
	}
}

func TestMissingQEMUSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findQEMU(context.Background(), options{arch: "arm64"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"qemu-system-aarch64 is missing", "qemu-system-arm", "-install"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %s", err, want)
		}
	}
}

func TestFindQEMUReadsVersion(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "qemu-system-x86_64")
	script := "#!/bin/sh\necho QEMU emulator version 10.1.0\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	m, err := findQEMU(context.Background(), options{arch: "amd64"})
	if err != nil || m.program != program || m.major != 10 {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestQEMUEndsWithTheGuest(t *testing.T) {
	for arch, a := range architectures {
		m := machine{program: a.program, arch: a}
		args := m.command(context.Background(), "tcg", "1G", "/k", "/i").Args
		if !slices.Contains(args, "-no-reboot") || !strings.Contains(args[len(args)-1], "panic=-1") {
			t.Errorf("%s: %q would go on after a panic", arch, args)
		}
		if !strings.Contains(args[len(args)-1], "console="+a.console) {
			t.Errorf("%s: %q has another console", arch, args)
		}
	}
}
