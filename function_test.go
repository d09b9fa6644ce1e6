package ward_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

var (
	// result panics without a number.
	result = ward.Func("result", func(args []string) int { return selftest.Number(args[0]) })
	exits  = ward.Func("os.Exit", func([]string) int {
		defer fmt.Println("a deferred call")
		os.Exit(7)
		return 8
	})
	goexits = ward.Func("runtime.Goexit", func([]string) int {
		go func() { select {} }() // it must not be waited for
		runtime.Goexit()
		return 8
	})
	callsMain = ward.Func("ward.Main", func([]string) int {
		ward.Main()
		return 9
	})
	describes = ward.Func("describe", func(args []string) int {
		dir, _ := os.Getwd()
		dir, _ = filepath.EvalSymlinks(dir)
		_, hasToken := os.LookupEnv("WARD_FUNC")
		fmt.Printf("%q\n%q\n%s\n%s\n%v\n", args, os.Args, dir, os.Getenv("WARD_TEST_VALUE"), hasToken)
		return 0
	})
	startsHelper = ward.Func("starts a helper", func(args []string) int {
		if _, ok := os.LookupEnv("WARD_FUNC"); ok {
			childtest.Complain("the function has the token, " +
				"and its child would start one more, and so on")
		}
		return resultOf(childtest.TryStart(nil, "exit", args[0]))
	})
	startsFunction = ward.Func("starts a function", func(args []string) int {
		return resultOf(startVisible(result, nil, args[0]))
	})
)

// startVisible starts f, privately where the system can.
func startVisible(f *ward.Function, attr *ward.Attr, args ...string) (ward.Handle, error) {
	var a ward.Attr
	if attr != nil {
		a = *attr
	}
	a.Env = append(append(os.Environ(), selftest.RaceOptions), a.Env...)
	h, err := f.Start(&a, args...)
	if errors.Is(err, errors.ErrUnsupported) {
		return f.StartVisible(&a, args...)
	}
	return h, err
}

// resultOf returns the exit code of a child that a function has started.
func resultOf(h ward.Handle, err error) int {
	if err != nil {
		childtest.Complain("Start: %v", err)
	}
	state, err := h.Wait(context.Background())
	if err != nil {
		childtest.Complain("Wait: %v", err)
	}
	return state.ExitCode()
}

// runFunction runs f and returns how it ended and what it wrote.
func runFunction(t *testing.T, f *ward.Function, attr ward.Attr, args ...string) (*ward.State, string) {
	t.Helper()
	childtest.NeedBackend(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	attr.Files = []*os.File{nil, w, w}
	h, err := startVisible(f, &attr, args...)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return childtest.Wait(t, h), string(text)
}

func TestStartOfAFunctionIsPrivateAndLeavesAttrAlone(t *testing.T) {
	childtest.NeedBackend(t)
	env := []string{"WARD_FUNC=another", "WARD_TEST_VALUE="}
	given := ward.Attr{Dir: "dir", Env: slices.Clone(env), Files: []*os.File{nil}, KillOnParentExit: true}
	attr, err := result.Command(&given, "0")
	if err != nil {
		t.Fatal(err)
	}
	if !attr.Private {
		t.Error("the child is not private")
	}
	if attr.Dir != "dir" || len(attr.Files) != 1 || !attr.KillOnParentExit {
		t.Error("the child does not get all attributes")
	}
	if given.Private || !slices.Equal(given.Env, env) {
		t.Error("Start changed its caller's attributes")
	}
}

func TestStartOfAFunctionSaysWhatIsWrong(t *testing.T) {
	childtest.NeedBackend(t)
	for name, start := range map[string]func() (ward.Handle, error){
		"NUL in an argument": func() (ward.Handle, error) { return startVisible(result, nil, "a\x00b") },
		"missing directory": func() (ward.Handle, error) {
			return startVisible(result, &ward.Attr{Dir: filepath.Join(selftest.TempDir(t), "missing")}, "0")
		},
	} {
		h, err := start()
		var typed *fs.PathError
		if h != nil || !errors.As(err, &typed) {
			t.Errorf("%s: %v, %T %v", name, h, err, err)
		}
	}
}

func TestResultOfAFunctionIsTheExitCode(t *testing.T) {
	selftest.NeedProc(t)
	for _, code := range []int{0, 1, 42, 255} {
		if state, text := runFunction(t, result, ward.Attr{}, strconv.Itoa(code)); state.ExitCode() != code || text != "" {
			t.Errorf("function that returns %d: %v\n%s", code, state, text)
		}
	}
}

func TestFunctionEndsInAnyWay(t *testing.T) {
	selftest.NeedProc(t)
	for _, c := range []struct {
		name string
		f    *ward.Function
		code int
		text []string // in what it writes
	}{
		{"panic", result, 2, []string{"panic: ", `parsing "none"`, "function_test.go:"}},
		{"os.Exit", exits, 7, nil},
		{"runtime.Goexit", goexits, 2, []string{`function "runtime.Goexit" called runtime.Goexit`}},
		{"a second call of Main", callsMain, 9, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			state, text := runFunction(t, c.f, ward.Attr{}, "none")
			if state.ExitCode() != c.code || (len(c.text) == 0) != (text == "") {
				t.Errorf("%v, want code %d\n%s", state, c.code, text)
			}
			for _, want := range c.text {
				if !strings.Contains(text, want) {
					t.Errorf("it does not write %q:\n%s", want, text)
				}
			}
		})
	}
}

func TestFunctionGetsArgumentsDirectoryAndEnvironment(t *testing.T) {
	selftest.NeedProc(t)
	dir, err := filepath.EvalSymlinks(selftest.TempDir(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"one", "two three", ""}, {}} {
		_, text := runFunction(t, describes, ward.Attr{Dir: dir, Env: []string{"WARD_TEST_VALUE=of the child"}}, args...)
		all := append([]string{os.Args[0]}, args...)
		want := fmt.Sprintf("%q\n%q\n%s\nof the child\nfalse\n", args, all, dir)
		if text != want {
			t.Errorf("function reports\n%swant\n%s", text, want)
		}
	}
}

func TestFunctionWithoutAttrHasTheEnvironment(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedBackend(t)
	t.Setenv("WARD_TEST_VALUE", "of the program")
	attr, err := describes.Command(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(attr.Env, "WARD_TEST_VALUE=of the program") {
		t.Error("the child does not get the program's environment")
	}
}

// TestMain calls ward.Main first: a child of the function that had the token
// would not get as far as the helper.
func TestChildrenOfAFunctionDoNotRunIt(t *testing.T) {
	selftest.NeedProc(t)
	for _, f := range []*ward.Function{startsHelper, startsFunction} {
		if state, text := runFunction(t, f, ward.Attr{}, "9"); state.ExitCode() != 9 {
			t.Errorf("the function's child: %v\n%s", state, text)
		}
	}
}

func TestTokenInTheCallersEnvironmentDoesNotCount(t *testing.T) {
	selftest.NeedProc(t)
	for _, f := range []*ward.Function{result, startsHelper} {
		state, text := runFunction(t, f, ward.Attr{Env: []string{"WARD_FUNC=os.Exit"}}, "3")
		if state.ExitCode() != 3 {
			t.Errorf("%v\n%s", state, text)
		}
	}
}
