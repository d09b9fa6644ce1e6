//go:build unix

package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	childtest.Fates["leave the group"] = func() {
		group, err := unix.Getpgid(os.Getppid())
		if err == nil {
			err = syscall.Setpgid(0, group)
		}
		if err != nil {
			childtest.Complain("%v", err)
		}
		childtest.Fates["stay"]()
	}
	// daemon starts a child in a session of its own.
	selftest.Register("daemon", func([]string) {
		path, argv, env := selftest.Command("stdin", "0")
		_, err := os.StartProcess(path, argv, &os.ProcAttr{
			Env:   env,
			Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
			Sys:   &syscall.SysProcAttr{Setsid: true},
		})
		if err != nil {
			childtest.Complain("%v", err)
		}
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
	})
}

// needGroups skips a test of Attr.Tree by process groups where the system has
// something better.
func needGroups(t *testing.T) {
	t.Helper()
	childtest.NeedBackend(t)
	if ward.Capabilities().Backend == "procdesc" {
		t.Skip("Attr.Tree goes by the role of a reaper, and not by process groups")
	}
}

func TestTreeIsAGroupOfItsOwn(t *testing.T) {
	needGroups(t)
	for name, c := range map[string]struct {
		sys  syscall.SysProcAttr
		want error
	}{
		"no fields":       {syscall.SysProcAttr{}, nil},
		"Setpgid":         {syscall.SysProcAttr{Setpgid: true}, nil},
		"Setsid":          {syscall.SysProcAttr{Setsid: true}, nil},
		"Pgid":            {syscall.SysProcAttr{Setpgid: true, Pgid: os.Getpid()}, errors.ErrUnsupported},
		"another's group": {syscall.SysProcAttr{Pgid: 1}, errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			sys := c.sys
			h, err := childtest.TryStart(&ward.Attr{Tree: true, Sys: &sys}, "in a session")
			if !errors.Is(err, c.want) {
				t.Fatalf("Start: %v, want %v", err, c.want)
			}
			if !reflect.DeepEqual(sys, c.sys) {
				t.Errorf("Start has changed %+v to %+v", c.sys, sys)
			}
			if err == nil && !childtest.Wait(t, h).Success() {
				t.Error("the child leads no group")
			}
		})
	}
}

func TestKillTreeKillsAChildThatHasLeftItsGroup(t *testing.T) {
	needGroups(t)
	if group, err := unix.Getpgid(0); group == 0 || err != nil {
		t.Skipf("no group to go to: this program's own is not of its pid namespace (%v)", err)
	}
	h, f := childtest.StartFamily(t, &ward.Attr{Tree: true}, "", "leave the group")
	for left := false; !left; time.Sleep(time.Millisecond) {
		group, err := unix.Getpgid(h.PID())
		if err != nil {
			t.Fatal(err)
		}
		left = group != h.PID()
	}
	if err := h.KillTree(); err != nil {
		t.Error(err)
	}
	if state := childtest.Wait(t, h); state.Signal() != syscall.SIGKILL {
		t.Errorf("Wait() = %v", state)
	}
	f.MustEnd(t)
}

// TestKillTreeDoesNotFindASession shows what the documentation of Attr.Tree says.
func TestKillTreeDoesNotFindASession(t *testing.T) {
	needGroups(t)
	in, hold := childtest.Pipe(t)
	out, w := childtest.Pipe(t)
	h := childtest.Start(t, &ward.Attr{Tree: true, Files: []*os.File{in, w, os.Stderr}}, "daemon")
	in.Close()
	w.Close()
	childtest.ReadLine(t, out)
	if err := h.KillTree(); err != nil {
		t.Fatal(err)
	}
	childtest.Wait(t, h)
	out.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := io.Copy(io.Discard, out); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the daemon does not live on: %v", err)
	}
	hold.Close()
	out.SetReadDeadline(time.Time{})
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Error(err)
	}
}
