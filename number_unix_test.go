//go:build unix

package ward_test

import (
	"errors"
	"math"
	"os"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

func TestSignalOfANumberThatNobodyHasIsProcessDone(t *testing.T) {
	if err := ward.SignalNumber(math.MaxInt32, syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("error %v", err)
	}
}

// The number of a child that Wait4 has taken may be a stranger's. Here it is the
// child's yet, which shows what a signal would do.
func TestNumberIsNotSignalledOnceWait4HasTakenTheChild(t *testing.T) {
	for name, signal := range map[string]func(ward.Handle) error{
		"Signal":   ward.Handle.Kill,
		"KillTree": ward.Handle.KillTree,
	} {
		t.Run(name, func(t *testing.T) {
			defer ward.Force("backend=fallback")()
			childtest.NeedAttr(t, &ward.Attr{Tree: true})
			in, hold := childtest.Pipe(t)
			h := childtest.Start(t, &ward.Attr{Tree: true, Files: []*os.File{in}}, "stdin", "6")
			ward.HandOver(h, 7<<8)
			if err := signal(h); err == nil {
				t.Error("there is no error")
			}
			hold.Close()
			var status syscall.WaitStatus
			if _, err := syscall.Wait4(h.PID(), &status, 0, nil); err != nil || status.ExitStatus() != 6 {
				t.Errorf("wait4: %v, status %#x; the child was to exit by itself", err, status)
			}
			if state := childtest.Wait(t, h); state.ExitCode() != 7 {
				t.Errorf("Wait() = %v", state)
			}
		})
	}
}
