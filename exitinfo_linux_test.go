package ward_test

import (
	"runtime"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"github.com/wardproc/ward/internal/wait4"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("meet the reap", func([]string) { meetReap() })
}

// The status is asked for all the time while a thief reaps: now and then the
// reap comes in the middle of the question.
func TestStatusIsReadInTheMiddleOfAReap(t *testing.T) {
	if selftest.KernelBefore(6, 15) {
		t.Skip("no PIDFD_INFO_EXIT before Linux 6.15")
	}
	childtest.Report(t, nil, "meet the reap")
}

func meetReap() {
	path, err := childtest.Tiny(tinyprog.Exit(runtime.GOARCH))
	if err != nil {
		childtest.Complain("%v", err)
	}
	go func() {
		for {
			wait4.Try(-1, nil, nil)
		}
	}()
	for range 200 {
		var fd int
		_, _, err := syscall.StartProcess(path, []string{path, "\x07"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{PidFD: &fd}})
		if err != nil {
			childtest.Complain("%v", err)
		}
		status, ok, err := ward.ExitInfo(fd)
		for ; !ok; status, ok, err = ward.ExitInfo(fd) {
			if err != nil {
				childtest.Complain("%v", err)
			}
		}
		if status.ExitStatus() != 7 {
			childtest.Complain("status %#x", status)
		}
		unix.Close(fd)
	}
}
