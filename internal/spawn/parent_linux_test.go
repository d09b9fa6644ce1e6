//go:build linux && (amd64 || arm64)

package spawn

import (
	"syscall"
	"testing"

	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("lose a parent early", func([]string) { loseAParentEarly() })
}

// A parent may end before it has a table of its own, when somebody kills it or the
// kernel refuses the table. The child must not go on then, as it shares our memory.
func TestChildWhoseParentEndsEarlyIsKilled(t *testing.T) {
	if err := HasParents(); err != nil {
		t.Skip(err)
	}
	runHelper(t, "lose a parent early")
}

func loseAParentEarly() {
	if err := HasParents(); err != nil {
		endHelper(skipCode, "%v", err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		endHelper(1, "%v", err)
	}
	// The parent alone closes a range that begins with 0.
	if err := selftest.Refuse(unix.EPERM, selftest.Call{Number: unix.SYS_CLOSE_RANGE, Arg: 0, Value: 0}); err != nil {
		endHelper(skipCode, "%v", err)
	}
	path, argv, env := selftest.Command("stdin", "0")
	for range 20 {
		_, _, _, err := PrivateChild(path, argv, &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}}, How{})
		if failed, ok := err.(*Error); !ok || failed.Call != "close_range" || failed.Errno != unix.EPERM {
			endHelper(1, "start: %v", err)
		}
		var info pidfds.Siginfo
		if err := pidfds.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WALL, nil); err != unix.ECHILD {
			endHelper(1, "left behind: %d, %v", info.PID(), err)
		}
	}
	if len(parents.live) > 0 {
		endHelper(1, "%d parents are still noted", len(parents.live))
	}
}
