package conformance_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

func init() { selftest.Register("refused", startRefused) }

// TestRefusedCallsLeaveAWayToStart has a seccomp filter refuse each call that
// the spawn path lives on.
func TestRefusedCallsLeaveAWayToStart(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	for _, errno := range []syscall.Errno{unix.ENOSYS, unix.EPERM} {
		for name, c := range map[string]struct {
			number uintptr
			spawn  string
		}{
			"clone3":       {unix.SYS_CLONE3, "fast"}, // by clone(2)
			"close_range":  {unix.SYS_CLOSE_RANGE, "std"},
			"pidfd_getfd":  {unix.SYS_PIDFD_GETFD, "fast"},
			"memfd_create": {unix.SYS_MEMFD_CREATE, ""},
		} {
			for _, when := range []string{"before the first start", "after it"} {
				t.Run(fmt.Sprintf("%s %v %s", name, errno, when), func(t *testing.T) {
					how := strconv.Itoa(int(errno))
					childtest.Report(t, nil, "refused", fmt.Sprint(c.number), how, c.spawn, when)
				})
			}
		}
	}
}

// TestCallsThatKillAreFoundOutFirst has a filter that kills: a child that is
// not the user's must find out, and share no memory with the program. Before
// Linux 5.17 the core dump of one process ended all that did.
func TestCallsThatKillAreFoundOutFirst(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	for name, c := range map[string]struct {
		number uintptr
		spawn  string
	}{
		"clone3":      {unix.SYS_CLONE3, "fast"},
		"close_range": {unix.SYS_CLOSE_RANGE, "std"},
		"pidfd_getfd": {unix.SYS_PIDFD_GETFD, "fast"},
	} {
		t.Run(name, func(t *testing.T) {
			childtest.Report(t, nil, "refused", fmt.Sprint(c.number), "kill", c.spawn, "")
		})
	}
}

func startRefused(args []string) {
	// A C library may need clone3 for a thread, in the child as well.
	childtest.IdleThreads(16)
	path, err := childtest.Tiny(tinyprog.Hold(runtime.GOARCH))
	if err != nil {
		childtest.Complain("%v", err)
	}
	if args[3] == "after it" {
		startWithHighFile(path)
	}
	number := selftest.Number(args[0])
	call := selftest.Call{Number: uintptr(number)}
	if errno, e := strconv.Atoi(args[1]); e == nil {
		err = selftest.Refuse(syscall.Errno(errno), call)
	} else {
		err = selftest.Forbid(call)
	}
	childtest.NeedFilter(err)
	for range 3 {
		startWithHighFile(path)
	}
	if caps := ward.Capabilities(); args[2] != "" && caps.Spawn != args[2] {
		childtest.Complain("%v", caps)
	}
}

// startWithHighFile starts a child that reads a file with a high number.
func startWithHighFile(path string) {
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	fd, err := unix.FcntlInt(r.Fd(), unix.F_DUPFD_CLOEXEC, 300)
	if err != nil {
		childtest.Complain("%v", err)
	}
	r.Close()
	high := os.NewFile(uintptr(fd), "high")
	defer high.Close()
	h, err := ward.Start(path, []string{path}, &ward.Attr{Files: []*os.File{high}})
	if err != nil {
		childtest.Complain("%v\n%v", err, ward.Capabilities())
	}
	if _, err := h.TryWait(); err != ward.ErrRunning {
		childtest.Complain("the child did not get its file: %v", err)
	}
	w.Close()
	if state, err := h.Wait(context.Background()); err != nil || !state.Success() {
		childtest.Complain("%v, %v", state, err)
	}
}
