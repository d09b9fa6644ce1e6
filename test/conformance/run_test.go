package conformance_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

func TestRunReturnsTheStateOfAnyExit(t *testing.T) {
	childtest.NeedBackend(t)
	for _, code := range []int{0, 3} {
		state, err := childtest.Run(t.Context(), new(ward.Attr), "exit", strconv.Itoa(code))
		if err != nil || state.ExitCode() != code {
			t.Errorf("exit %d: %v, %v", code, state, err)
		}
	}
}

func TestManyRunsAtOnceAreRight(t *testing.T) {
	childtest.NeedBackend(t)
	many, each := 32, 20
	if testing.Short() {
		each = 4
	}
	var runs sync.WaitGroup
	for i := range many {
		runs.Go(func() {
			for j := range each {
				code := (i + j) % 100
				state, err := childtest.Run(context.Background(), new(ward.Attr), "exit", strconv.Itoa(code))
				if err != nil || state.ExitCode() != code {
					t.Errorf("exit %d: %v, %v", code, state, err)
				}
			}
		})
	}
	runs.Wait()
}

func TestRunFailsAsStartDoes(t *testing.T) {
	childtest.NeedBackend(t)
	missing := filepath.Join(os.TempDir(), "ward-missing")
	for _, attr := range []*ward.Attr{nil, {Dir: missing}, {Private: childtest.Private}} {
		_, want := ward.Start(missing, []string{"missing"}, attr)
		state, err := ward.Run(t.Context(), missing, []string{"missing"}, attr)
		if state != nil || err == nil || err.Error() != want.Error() || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Run returns %v and %q, Start %q", state, err, want)
		}
	}
}

func TestRunWithAContextThatHasEndedStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	state, err := ward.Run(ctx, "missing", nil, nil)
	if state != nil || err != context.Canceled {
		t.Errorf("got %v, %v", state, err)
	}
}

func TestRunKillsTheChildWhenItsContextEnds(t *testing.T) {
	childtest.NeedBackend(t)
	for _, after := range []time.Duration{0, 100 * time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
		r, w := childtest.Pipe(t)
		ctx, cancel := context.WithTimeout(t.Context(), after)
		defer cancel()
		state, err := childtest.Run(ctx, &ward.Attr{Files: []*os.File{r}}, "stdin", "7")
		w.Close()
		switch {
		case err != context.DeadlineExceeded:
			t.Errorf("%v: %v, %v", after, state, err)
		case state != nil && state.Success():
			t.Errorf("%v: the child has ended by itself: %v", after, state)
		case state == nil && after > time.Millisecond:
			t.Errorf("%v: no state", after)
		}
	}
}

func TestRunKillsATreeWhenItsContextEnds(t *testing.T) {
	attr := &ward.Attr{Tree: true}
	childtest.NeedAttr(t, attr)
	in, hold := childtest.Pipe(t)
	out, w := childtest.Pipe(t)
	attr.Files = []*os.File{in, w, os.Stderr}
	ctx, cancel := context.WithCancel(t.Context())
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err = childtest.Run(ctx, attr, "family", "", "stay")
		w.Close()
	}()
	childtest.ReadLine(t, out) // the grandchild is there
	cancel()
	<-ended
	if err != context.Canceled {
		t.Error(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		io.Copy(io.Discard, out)
	}()
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Error("the grandchild lives")
	}
	hold.Close()
	<-gone
}
