package ward_test

import (
	"context"
	"os"
	"runtime"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/wardtest"
)

func TestMain(m *testing.M) {
	ward.Main()
	wardtest.Main(m, func() string { return ward.Capabilities().String() })
}

// needBackend skips a test on a system that cannot start processes at all.
func needBackend(t *testing.T) {
	t.Helper()
	if ward.Capabilities().Tier == ward.TierNone {
		t.Skip("ward has no backend for " + runtime.GOOS)
	}
}

// start starts a helper. Without attr it has no files.
func start(t *testing.T, attr *ward.Attr, helper string, args ...string) ward.Handle {
	t.Helper()
	needBackend(t)
	h, err := tryStart(attr, helper, args...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func tryStart(attr *ward.Attr, helper string, args ...string) (ward.Handle, error) {
	var a ward.Attr
	if attr != nil {
		a = *attr
	}
	path, argv, env := wardtest.Command(helper, args...)
	a.Env = append(env, a.Env...)
	return ward.Start(path, argv, &a)
}

// held is a child that runs until release is called, and then exits with 0.
type held struct {
	ward.Handle
	release func()
}

func startHeld(t *testing.T) held {
	t.Helper()
	needBackend(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h := start(t, &ward.Attr{Files: []*os.File{r, nil, os.Stderr}}, "stdin", "0")
	t.Cleanup(func() {
		w.Close()
		h.Kill()
		<-h.Done()
	})
	return held{h, func() { w.Close() }}
}

func wait(t *testing.T, h ward.Handle) *ward.State {
	t.Helper()
	state, err := h.Wait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return state
}
