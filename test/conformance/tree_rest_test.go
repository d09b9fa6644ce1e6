//go:build !plan9

package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	selftest.Register("outlive a tree", func([]string) { outliveTree() })
}

func TestKillTreeWhenTheRestHasEndedIsDone(t *testing.T) {
	childtest.NeedAttr(t, childtest.Attributes("tree"))
	childtest.Report(t, nil, "outlive a tree")
}

// outliveTree is a program whose child leaves an orphan behind, which ends by
// itself.
func outliveTree() {
	switch err := ward.SetSubreaper(true); {
	case errors.Is(err, errors.ErrUnsupported) && runtime.GOOS == "linux":
		childtest.Skip("the orphan would come to a PID 1 that may not take it: %v", err)
	case err != nil && !errors.Is(err, errors.ErrUnsupported):
		childtest.Complain("%v", err)
	}
	in, hold, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	os.Unsetenv(childtest.PrivateVariable) // the parent of a private orphan would be a member, too
	attr := childtest.Attributes("tree")
	attr.Files = []*os.File{in, w, os.Stderr}
	h, err := childtest.TryStart(attr, "family", "", "exit")
	if err != nil {
		childtest.Complain("%v", err)
	}
	in.Close()
	w.Close()
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		childtest.Complain("%v", err)
	}
	orphan, err := os.FindProcess(pid)
	if err != nil {
		childtest.Complain("%v", err)
	}
	<-h.Done()
	hold.Close()
	io.Copy(io.Discard, out) // until the orphan ends
	awaitGone(orphan)
	if err := h.KillTree(); !errors.Is(err, os.ErrProcessDone) {
		childtest.Complain("KillTree: %v", err)
	}
}

// awaitGone reaps an orphan that has come to this program, or waits until the
// program that it went to has. On Windows any process can be waited for.
func awaitGone(orphan *os.Process) {
	for {
		_, err := orphan.Wait()
		if err == nil || errors.Is(orphan.Signal(syscall.Signal(0)), os.ErrProcessDone) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
