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
	h, err := sum.Start(nil)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err) // such as "Attr.Private is not supported here"
	}
	if err != nil {
		t.Fatal(err)
	}
	<-h.Done()
	for args, want := range map[string][]string{
		"1 2 3": {"6\n", "the child: exit status 0\n"},
		"1 two": {"panic: ", `parsing "two"`, "the child: exit status 2\n"},
	} {
		text := run(t, strings.Fields(args)...)
		for _, want := range want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: it does not write %q:\n%s", args, want, text)
			}
		}
	}
}

// run returns what the program writes.
func run(t *testing.T, args ...string) string {
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
	if state, err := h.Wait(context.Background()); err != nil || !state.Success() {
		t.Errorf("the program: %v, %v\n%s", state, err, text)
	}
	return string(text)
}
