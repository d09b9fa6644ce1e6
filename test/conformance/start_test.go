package conformance_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

// TestStartSaysWhatIsWrong compares with os.StartProcess, whose words users
// know. TestMain sees to it that nothing is left behind.
func TestStartSaysWhatIsWrong(t *testing.T) {
	childtest.NeedBackend(t)
	self := selftest.Path()
	dir := selftest.TempDir(t)
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	for name, c := range map[string]struct {
		path string
		argv []string
		attr os.ProcAttr
	}{
		"missing program":      {path: missing},
		"empty name":           {path: ""},
		"directory":            {path: dir},
		"no execute bit":       {path: plain},
		"text without #!":      {path: text},
		"NUL in the name":      {path: "a\x00b"},
		"NUL in an argument":   {path: self, argv: []string{self, "a\x00b"}},
		"NUL in the directory": {path: self, attr: os.ProcAttr{Dir: "a\x00b"}},
		"missing directory":    {path: self, attr: os.ProcAttr{Dir: missing}},
		"missing both":         {path: missing, attr: os.ProcAttr{Dir: missing}},
		"too long":             {path: self, argv: []string{self, strings.Repeat("x", 8<<20)}},
	} {
		t.Run(name, func(t *testing.T) {
			c.attr.Files = make([]*os.File, 3) // without which Windows says no more than EINVAL
			process, want := os.StartProcess(c.path, c.argv, &c.attr)
			if want == nil {
				process.Kill()
				process.Wait()
				t.Skip("os.StartProcess starts this on " + runtime.GOOS + ": there is no error to compare")
			}
			h, err := childtest.StartProgram(c.path, c.argv, &ward.Attr{Dir: c.attr.Dir})
			if err == nil {
				h.Kill()
				t.Fatal("Start succeeded")
			}
			var typed *fs.PathError
			if !errors.As(err, &typed) || err.Error() != want.Error() {
				t.Errorf("Start: %T %v\nos.StartProcess: %T %v", err, err, want, want)
			}
			if got, want := errors.Unwrap(err), errors.Unwrap(want); got != want {
				t.Errorf("cause %#v, want %#v", got, want)
			}
		})
	}
}

// TestStartBlamesTheDirectory has a program that is there in a directory that is not
// one, where os.StartProcess may name the program.
func TestStartBlamesTheDirectory(t *testing.T) {
	childtest.NeedBackend(t)
	path, argv, env := selftest.Command("exit", "0")
	dir := selftest.TempDir(t)
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	for _, c := range []struct {
		op, dir string
		attr    ward.Attr
	}{
		{"chdir", text, ward.Attr{Dir: text}},
		{"chdir", text, ward.Attr{Dir: text, Sys: new(syscall.SysProcAttr)}},
		{"chdir", missing, ward.Attr{Dir: missing}},
		{"chdir", missing, ward.Attr{Dir: missing, Sys: new(syscall.SysProcAttr)}},
		{"chroot", missing, ward.Attr{Sys: otherRoot(missing)}},
		{"chroot", text, ward.Attr{Dir: missing, Sys: otherRoot(text)}},
	} {
		if c.attr.Sys == nil && c.op == "chroot" {
			t.Log("not looked at: another root directory, which the system does not give")
			continue
		}
		c.attr.Env = env
		h, err := childtest.StartProgram(path, argv, &c.attr)
		var typed *fs.PathError
		if h != nil || !errors.As(err, &typed) || typed.Op != c.op || typed.Path != c.dir {
			t.Errorf("Start() = %v, %v; want %s %s", h, err, c.op, c.dir)
		}
	}
	// The program is the one to blame.
	for _, attr := range []*ward.Attr{{Dir: dir, Sys: new(syscall.SysProcAttr)}, {Dir: dir}} {
		h, err := childtest.StartProgram(missing, argv, attr)
		var typed *fs.PathError
		if h != nil || !errors.As(err, &typed) || typed.Path != missing {
			t.Errorf("Start() = %v, %v; want %s", h, err, missing)
		}
	}
}
