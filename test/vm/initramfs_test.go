package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardproc/ward/test/internal/suite"
	"github.com/wardproc/ward/test/vm/internal/plan"
)

// buildInitramfs returns the path of one with made-up binaries.
func buildInitramfs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	p := payload{init: filepath.Join(dir, "init")}
	if err := os.WriteFile(p.init, []byte("init"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		b := testBinary{suite: fmt.Sprint(i), path: filepath.Join(dir, fmt.Sprint(i))}
		if err := os.WriteFile(b.path, []byte(b.suite), 0o600); err != nil {
			t.Fatal(err)
		}
		p.tests = append(p.tests, b)
	}
	path := filepath.Join(dir, "initramfs")
	if err := initramfs(path, p, []plan.Run{{Suite: ".", Binary: guestPath(0)}}); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInitramfsHasWhatKernelAndInitNeed(t *testing.T) {
	b, err := os.ReadFile(buildInitramfs(t))
	if err != nil {
		t.Fatal(err)
	}
	modes := make(map[string]int64)
	for _, e := range readCPIO(t, b) {
		modes["/"+e.name] = e.mode
	}
	for name, mode := range map[string]int64{
		"/init":        0o100755,
		"/dev":         0o40755,
		"/dev/console": 0o20600,
		"/dev/null":    0o20666,
		"/proc":        0o40755,
		"/sys":         0o40755,
		"/tmp":         0o40755,
		plan.Path:      0o100644,
		guestPath(0):   0o100755,
		guestPath(1):   0o100755,
	} {
		if modes[name] != mode {
			t.Errorf("%s: mode %o, want %o", name, modes[name], mode)
		}
	}
}

func TestCPIOCommandReadsInitramfs(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("needs the cpio command")
	}
	f, err := os.Open(buildInitramfs(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(cpio, "--list", "--quiet")
	cmd.Stdin = f
	out, err := suite.Output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if names := strings.Fields(string(out)); !slices.Contains(names, "init") || !slices.Contains(names, "tests/1.test") {
		t.Errorf("cpio lists %q", names)
	}
}
