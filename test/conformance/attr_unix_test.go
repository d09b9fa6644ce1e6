//go:build unix

package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	// mark writes to each descriptor that args names its number, a byte.
	selftest.Register("mark", func(args []string) {
		for _, arg := range args {
			fd := selftest.Number(arg)
			if _, err := syscall.Write(fd, []byte(arg)); err != nil {
				os.Exit(100 + fd)
			}
		}
	})
	selftest.Register("in a session", func([]string) {
		if pgrp, err := unix.Getpgid(0); pgrp != os.Getpid() {
			childtest.Complain("process %d is in group %d, %v", os.Getpid(), pgrp, err)
		}
	})
}

func TestEachFileHasItsIndexAsNumber(t *testing.T) {
	childtest.NeedBackend(t)
	const pipes = 3
	for _, files := range [][]int{ // for each index the pipe, or -1
		{0, 1, 2},
		{2, 1, 0},
		{-1, 0, 0, 0},
		{1, -1, -1, 2, -1, 0, 1},
		{-1, -1, -1, -1, -1, -1, -1, -1, 0},
	} {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			var readers, writers [pipes]*os.File
			for i := range pipes {
				readers[i], writers[i] = childtest.Pipe(t)
			}
			attr := &ward.Attr{Files: make([]*os.File, len(files))}
			var numbers []string
			var want [pipes]string
			for i, p := range files {
				if p >= 0 {
					attr.Files[i] = writers[p]
					numbers = append(numbers, strconv.Itoa(i))
					want[p] += strconv.Itoa(i)
				}
			}
			h := childtest.Start(t, attr, "mark", numbers...)
			for i := range pipes {
				writers[i].Close()
				if got, err := io.ReadAll(readers[i]); string(got) != want[i] || err != nil {
					t.Errorf("pipe %d is the descriptors %q of the child, want %q (%v)", i, got, want[i], err)
				}
			}
			if state := childtest.Wait(t, h); !state.Success() {
				t.Errorf("Wait() = %v", state)
			}
		})
	}
}

func TestSysIsHonouredAndLeftAlone(t *testing.T) {
	childtest.NeedBackend(t)
	for _, set := range []func(*syscall.SysProcAttr){
		func(sys *syscall.SysProcAttr) { sys.Setsid = true },
		func(sys *syscall.SysProcAttr) { sys.Setpgid = true },
	} {
		var sys, before syscall.SysProcAttr
		set(&sys)
		set(&before)
		childtest.Report(t, &ward.Attr{Sys: &sys}, "in a session")
		if !reflect.DeepEqual(sys, before) {
			t.Errorf("Start has changed %+v to %+v", before, sys)
		}
	}
}

// TestStateSpeaksLikeTheStandardLibrary compares with os.ProcessState.
func TestStateSpeaksLikeTheStandardLibrary(t *testing.T) {
	childtest.NeedBackend(t)
	for _, e := range []ending{{code: 0}, {code: 3}, {signal: syscall.SIGKILL}, {signal: syscall.SIGTERM}} {
		helper, arg := e.command()
		path, argv, env := selftest.Command(helper, arg)
		p, err := os.StartProcess(path, argv, &os.ProcAttr{Env: env})
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.Wait()
		if err != nil {
			t.Fatal(err)
		}
		got := childtest.Wait(t, childtest.Start(t, nil, helper, arg))
		say := func(s interface {
			String() string
			ExitCode() int
			Exited() bool
			Success() bool
			Sys() any
		}) string {
			return strings.Join([]string{s.String(), fmt.Sprint(s.ExitCode(), s.Exited(), s.Success(), s.Sys())}, " ")
		}
		if say(got) != say(want) {
			t.Errorf("ward says %s, os says %s", say(got), say(want))
		}
	}
}

// TestTerminalThatTheChildCannotHave compares with os.StartProcess.
func TestTerminalThatTheChildCannotHave(t *testing.T) {
	childtest.NeedBackend(t)
	path, argv, env := selftest.Command("exit", "0")
	for _, files := range []int{0, 1, 3, 5} {
		for _, sys := range []*syscall.SysProcAttr{
			{Setsid: true, Setctty: true, Ctty: files},
			{Setsid: true, Setctty: true, Ctty: files + 1},
			{Setctty: true, Foreground: true},
		} {
			closed := make([]*os.File, files)
			_, want := os.StartProcess(path, argv, &os.ProcAttr{Files: closed, Sys: sys})
			attr := &ward.Attr{Env: env, Files: closed, Sys: sys}
			h, err := childtest.StartProgram(path, argv, attr)
			if h != nil || fmt.Sprint(err) != fmt.Sprint(want) {
				t.Errorf("Start with %d files, %+v: %v, want %v", files, *sys, err, want)
			}
		}
	}
}

// TestStartBlamesTheDirectoryInAnotherRoot has what only the child can tell.
func TestStartBlamesTheDirectoryInAnotherRoot(t *testing.T) {
	childtest.NeedBackend(t)
	if spawn := ward.Capabilities().Spawn; spawn != "fast" {
		t.Skipf("spawn=%s does not say what has failed", spawn)
	}
	path, argv, _ := selftest.Command("exit", "0")
	sys := &syscall.SysProcAttr{Chroot: selftest.TempDir(t)}
	h, err := childtest.StartProgram(path, argv, &ward.Attr{Dir: "/missing", Sys: sys})
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("this user may not chroot: %v", err)
	}
	if h != nil || fmt.Sprint(err) != "chdir /missing: no such file or directory" {
		t.Errorf("Start() = %v, %v", h, err)
	}
}
