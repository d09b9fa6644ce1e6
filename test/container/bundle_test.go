package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func TestBundleHasNothingButTheProgram(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "binary")
	if err := os.WriteFile(binary, []byte("code"), 0o600); err != nil {
		t.Fatal(err)
	}
	limits := box{user: 1000, noNewPrivs: true, readOnlyRoot: true, processes: 20}
	b, err := newBundle(filepath.Join(dir, "b"), "b", binary, []string{"-x"}, limits, &filter{DefaultAction: "D"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(b.root(), program))
	if err != nil || info.Mode() != 0o755 || info.Size() != 4 {
		t.Errorf("%v, %v", info, err)
	}
	entries, err := os.ReadDir(b.root())
	if err != nil || len(entries) != 5 {
		t.Errorf("%v, %v; want dev, proc, prog, sys and tmp", entries, err)
	}
	text, err := os.ReadFile(filepath.Join(b.dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Process struct {
			Args            []string
			User            struct{ UID int }
			NoNewPrivileges bool
			Capabilities    struct{ Effective []string }
		}
		Root  struct{ ReadOnly bool }
		Linux struct {
			Resources struct{ Pids struct{ Limit int } }
			Seccomp   struct{ DefaultAction string }
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	p := config.Process
	if len(p.Args) != 2 || p.User.UID != 1000 || !p.NoNewPrivileges || p.Capabilities.Effective == nil ||
		!config.Root.ReadOnly || config.Linux.Resources.Pids.Limit != 20 || config.Linux.Seccomp.DefaultAction != "D" {
		t.Errorf("%s", text)
	}
}
