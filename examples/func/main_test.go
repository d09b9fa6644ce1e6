package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/selftest"
)

func TestMain(m *testing.M) {
	ward.Main()
	selftest.Register("main", func([]string) { main() })
	selftest.Main(m, func() string { return ward.Capabilities().String() })
}

func TestProgramSurvivesItsFunction(t *testing.T) {
	if err := startsSum(t); err != nil {
		t.Skip(err) // such as "Attr.Private is not supported here"
	}
	for args, want := range map[string][]string{
		"1 2 3": {"6\n", "the child: exit status 0\n"},
		"1 two": {"panic: ", `parsing "two"`, "the child: exit status 2\n"},
	} {
		text, state := run(t, strings.Fields(args)...)
		if !state.Success() {
			t.Errorf("the program: %v\n%s", state, text)
		}
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: it does not write %q:\n%s", args, want, text)
			}
		}
	}
}

func TestProgramWhoseSystemHasNoFunctionsSaysSo(t *testing.T) {
	want := startsSum(t)
	if want == nil {
		t.Skip("the system has functions")
	}
	if text, state := run(t, "1", "2"); state.Success() || !strings.Contains(text, want.Error()) {
		t.Errorf("the program: %v, want %v\n%s", state, want, text)
	}
}

// startsSum returns an error if the system has not what a function needs.
func startsSum(t *testing.T) error {
	t.Helper()
	h, err := sum.Start(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err != nil {
		t.Fatal(err)
	}
	<-h.Done()
	return nil
}

// run returns what the program writes, and how it ended.
func run(t *testing.T, args ...string) (string, *ward.State) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	path, argv, env := selftest.Command("main", args...)
	h, err := ward.Start(path, argv, &ward.Attr{Env: env, Files: []*os.File{nil, w, w}})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	state, err := h.Wait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), state
}
