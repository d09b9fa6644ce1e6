package conformance_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("quiet kill", func([]string) { killQuietly() })
}

func TestKillAfterTheExitMakesNoSystemCall(t *testing.T) { childtest.Report(t, nil, "quiet kill") }

// killQuietly has every call that could signal answered with an error of its
// own: one that comes back was made.
func killQuietly() {
	path, argv, env := selftest.Command("exit", "0")
	gone, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env})
	if err != nil {
		childtest.Complain("Start: %v", err)
	}
	gone.Wait(context.Background())
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("pipe: %v", err)
	}
	path, argv, env = selftest.Command("stdin", "0")
	live, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env, Files: []*os.File{r}})
	if err != nil {
		childtest.Complain("Start: %v", err)
	}
	defer w.Close() // ends it
	const made = syscall.EXDEV
	refuse(made, unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_PIDFD_SEND_SIGNAL)
	if err := live.Kill(); !errors.Is(err, made) {
		childtest.Complain("Kill before the exit: %v; the filter does not work", err)
	}
	refuse(made, unix.SYS_WAITID, unix.SYS_WAIT4)
	if err := gone.Kill(); !errors.Is(err, os.ErrProcessDone) || !errors.Is(err, syscall.ESRCH) {
		childtest.Complain("Kill after the exit: %v", err)
	}
}

// refuse ends a helper that cannot have calls refused.
func refuse(errno syscall.Errno, numbers ...uintptr) {
	var calls []selftest.Call
	for _, n := range numbers {
		calls = append(calls, selftest.Call{Number: n})
	}
	childtest.NeedFilter(selftest.Refuse(errno, calls...))
}
