// Package childtest starts children for the tests of package ward and of those
// on top of it: the children are helpers of package selftest.
package childtest

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/selftest"
)

// PrivateVariable is the one that has all children started with Attr.Private if
// it is not empty.
const PrivateVariable = "WARD_TEST_PRIVATE"

// Private tells whether it is set.
var Private = os.Getenv(PrivateVariable) != ""

// BriefVariable is the one that has all children started with Attr.Brief if it is not
// empty.
const BriefVariable = "WARD_TEST_BRIEF"

var brief = os.Getenv(BriefVariable) != ""

// StartProgram is ward.Start, for a private or brief child where all are to be that,
// and again where only Wine has failed.
func StartProgram(name string, argv []string, attr *ward.Attr) (ward.Handle, error) {
	var a ward.Attr
	if attr != nil {
		a = *attr
	}
	a.Private = a.Private || Private
	a.Brief = a.Brief || brief
	h, err := ward.Start(name, argv, &a)
	for attempt := 0; attempt < 10 && selftest.WineFailed(err); attempt++ {
		h, err = ward.Start(name, argv, &a)
	}
	return h, err
}

// TryStart starts a helper. Without attr it has no files. Attr.Env is added to what
// the helper needs.
func TryStart(attr *ward.Attr, helper string, args ...string) (ward.Handle, error) {
	var a ward.Attr
	if attr != nil {
		a = *attr
	}
	path, argv := command(&a, helper, args)
	return StartProgram(path, argv, &a)
}

func command(a *ward.Attr, helper string, args []string) (path string, argv []string) {
	path, argv, env := selftest.Command(helper, args...)
	// Of two values of a variable a Go program has the first, and attr's is to win.
	a.Env = (&exec.Cmd{Env: append(env, a.Env...)}).Environ()
	return path, argv
}

// Run is TryStart for ward.Run.
func Run(ctx context.Context, attr *ward.Attr, helper string, args ...string) (*ward.State, error) {
	a := *attr
	a.Private = a.Private || Private
	path, argv := command(&a, helper, args)
	state, err := ward.Run(ctx, path, argv, &a)
	for attempt := 0; attempt < 10 && selftest.WineFailed(err); attempt++ {
		state, err = ward.Run(ctx, path, argv, &a)
	}
	return state, err
}

// Start is TryStart for a test that needs the child.
func Start(t *testing.T, attr *ward.Attr, helper string, args ...string) ward.Handle {
	t.Helper()
	NeedBackend(t)
	h, err := TryStart(attr, helper, args...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// NeedBackend skips a test on a system that cannot start processes at all.
func NeedBackend(t *testing.T) {
	t.Helper()
	if ward.Capabilities().Tier == ward.TierNone {
		t.Skip("ward has no backend for " + runtime.GOOS)
	}
}

// Held is a child that runs until Release is called, and then exits with 0.
type Held struct {
	ward.Handle
	Release func()
}

// StartHeld starts one. It ends with the test at the latest.
func StartHeld(t *testing.T) Held {
	t.Helper()
	NeedBackend(t)
	r, w := Pipe(t)
	h := Start(t, &ward.Attr{Files: []*os.File{r, nil, os.Stderr}}, "stdin", "0")
	r.Close()
	t.Cleanup(func() {
		w.Close()
		h.Kill()
		<-h.Done()
	})
	return Held{h, func() { w.Close() }}
}

// Wait returns how the child ended.
func Wait(t *testing.T, h ward.Handle) *ward.State {
	t.Helper()
	state, err := h.Wait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// NeedCredential skips a test of a child that changes its ids where all are private and
// cannot.
func NeedCredential(t *testing.T) {
	t.Helper()
	if err := MayChangeIDs(); Private && err != nil {
		t.Skipf("a private child cannot change its ids: %v", err)
	}
}

// MayChangeIDs tells why the child of a spawn program cannot change its ids: on Linux the
// system must say in which pid namespace it is going to be.
func MayChangeIDs() error {
	if runtime.GOOS != "linux" {
		return nil
	}
	_, err := os.Stat("/proc/thread-self/ns/pid_for_children")
	return err
}
