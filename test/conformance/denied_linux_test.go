package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("nproc", func([]string) { startBeyondLimit() })
	selftest.Register("fill the cgroup", func([]string) { fillCgroup() })
	selftest.Register("forbidden", func(args []string) { startInForbidden(args[0]) })
}

// reportOfNobody runs a helper as a user without privileges.
func reportOfNobody(t *testing.T, helper string, args ...string) {
	t.Helper()
	attr := new(ward.Attr)
	if os.Getuid() == 0 {
		if err := selftest.MayBecome(childtest.Nobody); err != nil {
			t.Skip(err)
		}
		childtest.NeedCredential(t)
		attr.Sys = asNobody()
	}
	childtest.Report(t, attr, helper, args...)
}

func asNobody() *syscall.SysProcAttr {
	nobody := &syscall.Credential{Uid: childtest.Nobody, Gid: childtest.Nobody}
	return &syscall.SysProcAttr{Credential: nobody}
}

func TestStartBeyondTheProcessLimitFails(t *testing.T) { reportOfNobody(t, "nproc") }

func startBeyondLimit() {
	path, argv, env := selftest.Command("exit", "0")
	if h, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env}); err != nil {
		childtest.Complain("Start without a limit: %v", err)
	} else {
		h.Wait(context.Background())
	}
	childtest.IdleThreads(16)
	limit := unix.Rlimit{Cur: 1, Max: 1}
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &limit); err != nil {
		childtest.Complain("setrlimit: %v", err)
	}
	h, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env})
	var typed *fs.PathError
	if !errors.Is(err, syscall.EAGAIN) || !errors.As(err, &typed) {
		childtest.Complain("Start() = %v, %v; want EAGAIN", h, err)
	}
	if _, err := syscall.Wait4(-1, nil, 0, nil); err != syscall.ECHILD {
		childtest.Complain("a child is left: %v", err)
	}
}

// TestStartsBeyondTheLimitOfProcessesFail is of a cgroup's limit, pids.max, which no
// program is told of: children are started until one cannot be.
func TestStartsBeyondTheLimitOfProcessesFail(t *testing.T) {
	text := childtest.Report(t, nil, "fill the cgroup")
	if strings.HasPrefix(text, "no limit") {
		t.Skip(text)
	}
}

func fillCgroup() {
	const most = 64
	childtest.IdleThreads(6) // later the runtime could not start one, and would abort
	path, err := childtest.Tiny(tinyprog.Hold(runtime.GOARCH))
	if err != nil {
		childtest.Complain("%v", err)
	}
	start := func(input *os.File) (ward.Handle, error) {
		return childtest.StartProgram(path, []string{path}, &ward.Attr{Files: []*os.File{input}})
	}
	for range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			childtest.Complain("%v", err)
		}
		var children []ward.Handle
		var failed error
		for len(children) < most && failed == nil {
			h, err := start(r)
			if failed = err; err == nil {
				children = append(children, h)
			}
		}
		r.Close()
		w.Close()
		for _, h := range children {
			if state, err := h.Wait(context.Background()); err != nil || !state.Success() {
				childtest.Complain("Wait() = %v, %v", state, err)
			}
		}
		switch {
		case failed == nil:
			fmt.Printf("no limit of processes that %d children come to", most)
			return
		case len(children) == 0 || !errors.Is(failed, syscall.EAGAIN):
			childtest.Complain("%d children, and then %v, want EAGAIN", len(children), failed)
		}
		fmt.Printf("%d children, and then %v; ", len(children), failed)
	}
}

func TestStartInAForbiddenDirectoryFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	reportOfNobody(t, "forbidden", dir)
}

func startInForbidden(dir string) {
	path, argv, env := selftest.Command("exit", "0")
	h, err := childtest.StartProgram(path, argv, &ward.Attr{Dir: dir, Env: env})
	var typed *fs.PathError
	known := ward.Capabilities().Spawn == "fast"
	if !errors.Is(err, syscall.EACCES) || !errors.As(err, &typed) || known && typed.Path != dir {
		childtest.Complain("Start(%s) in %s = %v, %v; want EACCES", path, dir, h, err)
	}
	h, err = childtest.StartProgram(path, argv, &ward.Attr{Env: env})
	if err != nil {
		childtest.Complain("Start elsewhere: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if state, err := h.Wait(ctx); err != nil || !state.Success() {
		childtest.Complain("Wait() = %v, %v", state, err)
	}
}
