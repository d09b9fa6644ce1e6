//go:build unix && !aix && !netbsd

package conformance_test

import (
	"context"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/wait4"
)

func init() {
	selftest.Register("stop and wait", func([]string) { stopAndWait() })
}

// A group of its own keeps what is stopped from others: SIGHUP kills a group with
// stopped members when one exits whose parent is PID 1: setpgid(2).
func TestWait4ReportsStopsOfStrangersOnly(t *testing.T) {
	childtest.Report(t, &ward.Attr{Sys: &syscall.SysProcAttr{Setpgid: true}}, "stop and wait")
}

// isStop reports whether a child was stopped by SIGSTOP. On the BSDs package syscall takes
// that for a continuation.
func isStop(status syscall.WaitStatus) bool {
	return status == 0x7f|syscall.WaitStatus(syscall.SIGSTOP)<<8
}

// isContinuation is WIFCONTINUED of each system's <sys/wait.h>.
func isContinuation(status syscall.WaitStatus) bool {
	switch runtime.GOOS {
	case "freebsd", "dragonfly":
		return status == syscall.WaitStatus(syscall.SIGCONT)
	case "darwin", "ios":
		return status == 0x7f|syscall.WaitStatus(syscall.SIGCONT)<<8
	}
	return status == 0xffff
}

func stopAndWait() {
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	path, argv, env := selftest.Command("stdin", "3")
	h, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env, Files: []*os.File{r}})
	if err != nil {
		childtest.Complain("%v", err)
	}
	pid := stranger(nil, []uintptr{r.Fd()}, "stdin", "4")
	const stops = syscall.WUNTRACED | wait4.NoHang
	h.Signal(syscall.SIGSTOP)
	for range 100 {
		if got, err := ward.Wait4(-1, nil, stops, nil); got != 0 || err != nil {
			childtest.Complain("Wait4 with a handle's child stopped = %d, %v", got, err)
		}
		time.Sleep(time.Millisecond)
	}
	syscall.Kill(pid, syscall.SIGSTOP)
	var status syscall.WaitStatus
	if got, err := ward.Wait4(-1, &status, syscall.WUNTRACED, nil); got != pid || err != nil || !isStop(status) {
		childtest.Complain("Wait4 = %d, %v, status %#x; want a stop of %d", got, err, status, pid)
	}
	h.Signal(syscall.SIGCONT)
	syscall.Kill(pid, syscall.SIGCONT)
	if got, err := ward.Wait4(-1, &status, syscall.WCONTINUED, nil); got != pid || err != nil || !isContinuation(status) {
		childtest.Complain("Wait4 = %d, %v, status %#x; want %d to continue", got, err, status, pid)
	}
	// The handle's child has continued, too.
	for range 20 {
		if got, err := ward.Wait4(h.PID(), nil, stops|syscall.WCONTINUED, nil); got > 0 {
			childtest.Complain("Wait4 with a handle's child continued = %d, %v", got, err)
		}
		time.Sleep(time.Millisecond)
	}
	if state, err := h.TryWait(); err != ward.ErrRunning {
		childtest.Complain("a child that has continued has ended: %v, %v", state, err)
	}
	w.Close()
	if got, err := ward.Wait4(-1, &status, syscall.WUNTRACED|syscall.WCONTINUED, nil); got != pid || err != nil || status.ExitStatus() != 4 {
		childtest.Complain("Wait4 = %d, %v, status %#x; want %d to exit", got, err, status, pid)
	}
	if state, err := h.Wait(context.Background()); err != nil || state.ExitCode() != 3 {
		childtest.Complain("Wait() = %v, %v", state, err)
	}
}
