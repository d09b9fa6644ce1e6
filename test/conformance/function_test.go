package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

var trivial = ward.Func("trivial", func([]string) int { return 0 })

func TestFuncRefusesWhatNoChildCouldFind(t *testing.T) {
	run := func([]string) int { return 0 }
	for want, register := range map[string]func(){
		`"" cannot be the name`:     func() { ward.Func("", run) },
		`"a\x00b" cannot be the`:    func() { ward.Func("a\x00b", run) },
		`two functions "trivial"`:   func() { ward.Func("trivial", run) },
		`function "no body" is nil`: func() { ward.Func("no body", nil) },
		`"late" comes after`:        func() { ward.Func("late", run) },
	} {
		func() {
			defer func() {
				if text := fmt.Sprint(recover()); !strings.Contains(text, want) {
					t.Errorf("Func panics with %q, want %q", text, want)
				}
			}()
			register()
		}()
	}
}

// beforeMain, in the environment, has the program start a function while its
// packages are initialised: for Start, that is a program that never calls Main.
const beforeMain = "WARD_TEST_BEFORE_MAIN"

func init() {
	if _, ok := os.LookupEnv(beforeMain); !ok {
		return
	}
	os.Unsetenv(beforeMain)
	h, err := trivial.Start(nil, "0")
	var typed *ward.Error
	isTyped := errors.As(err, &typed) && typed.Op == "start"
	if h != nil || !errors.Is(err, ward.ErrNoMain) || !isTyped {
		childtest.Complain("Start before Main: %v, %v", h, err)
	}
	fmt.Println(err)
	os.Exit(0)
}

func TestStartOfAFunctionBeforeMainFails(t *testing.T) {
	text := childtest.Report(t, &ward.Attr{Env: []string{beforeMain + "="}}, "exit", "3")
	if !strings.Contains(text, "call it first in func main") {
		t.Errorf("the error does not say what to do: %q", text)
	}
}

// A system that has no private children starts no function.
func TestStartOfAFunctionNeedsPrivate(t *testing.T) {
	selftest.NeedProc(t)
	private, want := childtest.TryStart(&ward.Attr{Private: true}, "exit", "0")
	h, err := trivial.Start(&ward.Attr{Env: append(os.Environ(), selftest.RaceOptions)}, "0")
	if errors.Is(err, errors.ErrUnsupported) != errors.Is(want, errors.ErrUnsupported) {
		t.Errorf("Start of a function: %v; Start with Private: %v", err, want)
	}
	for _, h := range []ward.Handle{private, h} {
		if h != nil {
			childtest.Wait(t, h)
		}
	}
	if err != nil {
		t.Skip(err) // such as "Attr.Private is not supported here"
	}
}

func TestUnknownFunctionEndsTheProgram(t *testing.T) {
	for _, name := range []string{"nobody", ""} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		h := childtest.Start(t, &ward.Attr{
			Env:   []string{"WARD_FUNC=" + name},
			Files: []*os.File{nil, nil, w},
		}, "exit", "3")
		w.Close()
		text, _ := io.ReadAll(r)
		r.Close()
		state, want := childtest.Wait(t, h), fmt.Sprintf("no function %q", name)
		if state.ExitCode() != 127 || !strings.Contains(string(text), want) {
			t.Errorf("%q: %v\n%s", name, state, text)
		}
	}
}
