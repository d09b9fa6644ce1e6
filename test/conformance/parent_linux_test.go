package conformance_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("hold private", func(args []string) { holdPrivate(args[0]) })
	selftest.Register("status of a private child", func([]string) { waitForPrivate() })
	selftest.Register("sleep", func([]string) { time.Sleep(time.Hour) })
}

// needPrivate skips a test of private children where the system, a setting or a
// filter leaves none.
func needPrivate(t *testing.T) {
	t.Helper()
	childtest.NeedSpawnPrograms(t)
	selftest.NeedProc(t)
	childtest.NeedAttr(t, &ward.Attr{Private: true})
}

func TestParentDiesWithTheProgram(t *testing.T) {
	needParents(t)
	fates := []string{"none", "execute"}
	if selftest.MayBecome(childtest.Nobody) == nil {
		fates = append(fates, "give up root", "give up root and execute")
	}
	for _, fate := range fates {
		t.Run(fate, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			h := childtest.Start(t, &ward.Attr{
				Files: []*os.File{nil, w, os.Stderr},
				Env:   byParent,
			}, "hold private", fate)
			w.Close()
			var parent, child int
			if _, err := fmt.Fscan(bufio.NewReader(r), &parent, &child); err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(fate, "execute") {
				childtest.WaitGone(t, parent, "the parent of what was the program's child")
			} else if err := syscall.Kill(parent, 0); err != nil {
				t.Errorf("the parent of a live child: %v", err)
			}
			if err := h.Kill(); err != nil {
				t.Fatal(err)
			}
			childtest.Wait(t, h)
			childtest.WaitGone(t, parent, "the parent, after the program was killed,")
			childtest.WaitGone(t, child, "the child, whose input the program held,")
		})
	}
}

// inherited stays open as long as this program, whatever it executes.
var inherited *os.File

// holdPrivate starts a private child that lives until inherited is closed, and
// prints the pids of its parent and of itself.
func holdPrivate(fate string) {
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	inherited = w
	unix.FcntlInt(w.Fd(), unix.F_SETFD, 0)
	h, err := childtest.TryStart(&ward.Attr{Private: true, Files: []*os.File{r}}, "stdin", "0")
	if err != nil {
		childtest.Complain("%v", err)
	}
	if strings.HasPrefix(fate, "give up root") {
		if err := syscall.Setuid(childtest.Nobody); err != nil {
			childtest.Complain("%v", err)
		}
	}
	fmt.Println(childtest.ParentOf(h.PID()), h.PID())
	if strings.HasSuffix(fate, "execute") {
		path, argv, env := selftest.Command("sleep")
		childtest.Complain("%v", syscall.Exec(path, argv, env))
	}
	select {}
}

// TestPrivateNeedsAStatus refuses what tells the status of a child that the
// kernel reaps: then its parent has it.
func TestPrivateNeedsAStatus(t *testing.T) {
	needPrivate(t)
	childtest.Report(t, nil, "status of a private child")
}

func waitForPrivate() {
	ask := selftest.Call{Number: unix.SYS_IOCTL, Arg: 2, Value: unix.PIDFD_GET_INFO}
	if err := selftest.Refuse(syscall.EPERM, ask); err != nil {
		childtest.Complain("%v", err)
	}
	h, err := childtest.TryStart(&ward.Attr{Private: true}, "exit", "6")
	if err != nil {
		childtest.Complain("%v", err)
	}
	state, err := h.Wait(context.Background())
	if err != nil || state.ExitCode() != 6 || state.SysUsage() == nil {
		childtest.Complain("%v, %v", state, err)
	}
}

func TestPrivateNamesTheFieldsThatItGoesWithout(t *testing.T) {
	childtest.NeedAttr(t, &ward.Attr{Private: true})
	path, argv, env := selftest.Command("exit", "0")
	for fields, sys := range map[string]*syscall.SysProcAttr{
		"Sys.Ptrace":                       {Ptrace: true, Setsid: true},
		"Sys.Foreground, Sys.Unshareflags": {Foreground: true, Unshareflags: syscall.CLONE_NEWUTS},
	} {
		want := path + ": Attr.Private with " + fields + " is"
		h, err := ward.Start(path, argv, &ward.Attr{Env: env, Private: true, Sys: sys})
		var typed *ward.Error
		if h != nil || !errors.Is(err, errors.ErrUnsupported) || !errors.As(err, &typed) ||
			typed.Path != path || !strings.Contains(err.Error(), want) {
			t.Errorf("Start() = %v, %v; want %s", h, err, want)
		}
	}
}
