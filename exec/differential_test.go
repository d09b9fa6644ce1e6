package exec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/wardproc/ward/exec"
	"github.com/wardproc/ward/internal/wardtest"
)

// TestRandomCommandsEndAsWithOSExec runs the same random commands with os/exec
// and with this package and compares all that a caller can see.
func TestRandomCommandsEndAsWithOSExec(t *testing.T) {
	needProcesses(t)
	n := 60
	if *wardtest.Long {
		n = 5000
	}
	world := newWorld(t)
	for seed := range uint64(n) {
		before := descriptors()
		std := world.run(seed, newStd)
		own := world.run(seed, newOwn)
		if std != own {
			t.Errorf("seed %d:\n%v\nthis package: %v\nos/exec:      %v", seed, world.wish(seed), own, std)
		}
		for _, fd := range descriptors() {
			if !slices.Contains(before, fd) {
				t.Errorf("seed %d: %v left %s open", seed, world.wish(seed), fd)
			}
		}
	}
}

// descriptors leaves out what package ward may keep for a while.
func descriptors() []string {
	return slices.DeleteFunc(wardtest.Descriptors(), func(fd string) bool {
		return strings.Contains(fd, "anon_inode:") || runtime.GOOS != "linux"
	})
}

func init() {
	// report tells what the child has got and exits with a code or by a signal
	// to itself.
	wardtest.Register("report", func(args []string) {
		dir, _ := os.Getwd()
		input, _ := io.ReadAll(os.Stdin)
		_, err := os.NewFile(3, "extra").Stat()
		fmt.Printf("%q %s %s %q %d %v ", args, dir, os.Getenv("PWD"), os.Getenv("WARD_TEST_VALUE"), len(input), err == nil)
		fmt.Fprint(os.Stderr, strings.Repeat("e", 70_000)[:number(args[1])])
		if args[0] == "signal" {
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			select {}
		}
		os.Exit(number(args[0]))
	})
}

// A wish is a random command. Its fields choose from the world's lists.
type wish struct {
	Program, Arg, Stderr, Dir, Env, Input, Output, Extra, Context, Call string
}

// A world has the files that wishes are about.
type world struct {
	path string
	env  []string
	dir  string
	text string // a file that is no program
	file *os.File
}

func newWorld(t *testing.T) *world {
	w := &world{dir: wardtest.TempDir(t)}
	w.path, _, w.env = wardtest.Command("report")
	for _, entry := range w.env[len(os.Environ()):] {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value) // for a command without Env
	}
	w.text = filepath.Join(w.dir, "text")
	check(t, os.WriteFile(w.text, []byte("text"), 0o600))
	var err error
	w.file, err = os.Open(w.text)
	check(t, err)
	t.Cleanup(func() { w.file.Close() })
	return w
}

// wish picks the ordinary, which comes first, more often than not.
func (*world) wish(seed uint64) wish {
	random := rand.New(rand.NewPCG(seed, 0))
	pick := func(choices ...string) string {
		if random.IntN(3) > 0 {
			return choices[0]
		}
		return choices[random.IntN(len(choices))]
	}
	return wish{
		Program: pick("self", "none", "missing name", "missing path", "dot", "text", "folder", "NUL"),
		Arg:     pick("0", "7", "255", "signal"),
		Stderr:  pick("10", "0", "70000"),
		Dir:     pick("", "here", "missing", "text", "NUL"),
		Env:     pick("nil", "own", "twice", "strange", "NUL"),
		Input:   pick("nil", "text", "large", "failing", "file", "pipe", "pipe and set"),
		Output:  pick("buffers", "nil", "one", "file", "failing", "incomparable", "pipe"),
		Extra:   pick("none", "file", "nil"),
		Context: pick("none", "live", "ended", "cancel without"),
		Call:    pick("Run", "Output", "CombinedOutput", "twice", "Wait first"),
	}
}

// A commander is an *exec.Cmd or an *osexec.Cmd.
type commander interface {
	Start() error
	Wait() error
	Run() error
	Output() ([]byte, error)
	CombinedOutput() ([]byte, error)
	StdinPipe() (io.WriteCloser, error)
	StdoutPipe() (io.ReadCloser, error)
	String() string
	Environ() []string
}

// fields are those of a Cmd that a wish sets.
type fields struct {
	ctx        context.Context
	path       string
	args       []string
	env        []string
	dir        string
	stdin      io.Reader
	stdout     io.Writer
	stderr     io.Writer
	extraFiles []*os.File
	cancel     func() error
}

// newStd returns a Cmd of os/exec and a function that tells how it ended.
func newStd(f fields) (commander, func() string) {
	cmd := osexec.Command(f.path, f.args...)
	if f.ctx != nil {
		cmd = osexec.CommandContext(f.ctx, f.path, f.args...)
	}
	cmd.Env, cmd.Dir, cmd.ExtraFiles = f.env, f.dir, f.extraFiles
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f.stdin, f.stdout, f.stderr
	if f.cancel != nil {
		cmd.Cancel = f.cancel
	}
	return cmd, func() string {
		state := cmd.ProcessState
		return fmt.Sprint(cmd.Process != nil, cmd.Path, cmd.Args, cmd.Err, state, state.ExitCode(), state != nil && state.Exited())
	}
}

// newOwn is newStd with a Cmd of this package.
func newOwn(f fields) (commander, func() string) {
	cmd := exec.Command(f.path, f.args...)
	if f.ctx != nil {
		cmd = exec.CommandContext(f.ctx, f.path, f.args...)
	}
	cmd.Env, cmd.Dir, cmd.ExtraFiles = f.env, f.dir, f.extraFiles
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f.stdin, f.stdout, f.stderr
	if f.cancel != nil {
		cmd.Cancel = f.cancel
	}
	return cmd, func() string {
		state := cmd.ProcessState
		return fmt.Sprint(cmd.Process != nil, cmd.Path, cmd.Args, cmd.Err, state, state.ExitCode(), state != nil && state.Exited())
	}
}

// run does what a wish says and returns all that there is to see.
func (w *world) run(seed uint64, newCmd func(fields) (commander, func() string)) string {
	wish := w.wish(seed)
	f := fields{args: []string{wish.Arg, wish.Stderr}}
	var seen strings.Builder
	note := func(what string, result any, err error) {
		fmt.Fprintf(&seen, "\n%s: %q, %v", what, result, describe(err))
	}
	f.path = map[string]string{
		"self": w.path, "none": "", "missing name": "no-such-program", "missing path": filepath.Join(w.dir, "none"),
		"dot": ".", "text": w.text, "folder": w.dir, "NUL": "a\x00b",
	}[wish.Program]
	f.dir = map[string]string{"": "", "here": w.dir, "missing": filepath.Join(w.dir, "none"), "text": w.text, "NUL": "a\x00b"}[wish.Dir]
	calls := wish.Call == "Output" || wish.Call == "CombinedOutput"
	if calls && wish.Output == "failing" {
		wish.Input = "nil" // they refuse a Stdout that is set, and a pipe would stay
	}
	const name = "WARD_TEST_VALUE="
	f.env = map[string][]string{
		"own":     w.env,
		"twice":   append(w.env, name+"first", name+"second"),
		"strange": append(w.env, "", "=", "nonsense", "=C:=x"),
		"NUL":     append(w.env, name+"a\x00b"),
	}[wish.Env]
	f.stdin = map[string]io.Reader{
		"text": strings.NewReader("text"), "large": strings.NewReader(strings.Repeat("x", 200_000)),
		"failing": iotest.ErrReader(errors.New("no input")), "file": w.file, "pipe and set": strings.NewReader(""),
	}[wish.Input]
	w.file.Seek(0, io.SeekStart)

	var stdout, stderr bytes.Buffer
	file, err := os.CreateTemp(w.dir, "output")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	switch wish.Output {
	case "buffers":
		f.stdout, f.stderr = &stdout, &stderr
	case "one":
		f.stdout, f.stderr = &stdout, &stdout
	case "file":
		f.stdout, f.stderr = file, file
	case "failing":
		f.stdout = writerFunc(func([]byte) (int, error) { return 0, errors.New("no output") })
	case "incomparable":
		f.stdout, f.stderr = writers{&stdout}, writers{&stderr}
	}
	if calls && wish.Output != "failing" {
		f.stdout = nil
		if wish.Call == "CombinedOutput" {
			f.stderr = nil
		}
	}
	f.extraFiles = map[string][]*os.File{"file": {w.file}, "nil": {nil, w.file}}[wish.Extra]
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch wish.Context {
	case "live":
		f.ctx = ctx
	case "ended":
		f.ctx = ctx
		cancel()
	case "cancel without":
		f.cancel = func() error { return nil }
	}

	cmd, state := newCmd(f)
	note("string", cmd.String(), nil)
	note("environ", cmd.Environ(), nil)
	var in io.WriteCloser
	if strings.HasPrefix(wish.Input, "pipe") {
		if in, err = cmd.StdinPipe(); err != nil {
			note("stdin pipe", nil, err)
		} else {
			go func() { // which only ends with the reader, if that does not read
				io.WriteString(in, strings.Repeat("x", 100_000))
				in.Close()
			}()
		}
	}
	var out io.ReadCloser
	if wish.Output == "pipe" && !calls {
		out, err = cmd.StdoutPipe()
		note("stdout pipe", nil, err)
	}
	switch wish.Call {
	case "Output":
		b, err := cmd.Output()
		note("output", b, err)
	case "CombinedOutput":
		b, err := cmd.CombinedOutput()
		note("combined", len(b), err)
	case "Run":
		if out == nil {
			note("run", nil, cmd.Run())
			break
		}
		fallthrough
	default:
		if wish.Call == "Wait first" {
			note("wait first", nil, cmd.Wait())
		}
		err := cmd.Start()
		note("start", nil, err)
		if wish.Call == "twice" {
			note("again", nil, cmd.Start())
		}
		if err == nil {
			if out != nil {
				b, err := io.ReadAll(out)
				note("piped", b, err)
			}
			_, err := cmd.StdinPipe()
			note("late stdin pipe", nil, err)
		}
		note("wait", nil, cmd.Wait())
	}
	note("stdout", stdout.Len(), nil)
	note("stderr", stderr.Len(), nil)
	b, err := os.ReadFile(file.Name())
	note("file", len(b), err)
	note("state", state(), nil)
	return seen.String()
}

// describe returns type and text of an error, and what both kinds of ExitError
// have.
func describe(err error) string {
	if err == nil {
		return "no error"
	}
	text := fmt.Sprintf("%T %v", err, err)
	switch err := err.(type) {
	case *exec.ExitError:
		text += fmt.Sprintf(" %d %v %q", err.ExitCode(), err.Sys(), err.Stderr)
	case *osexec.ExitError:
		text += fmt.Sprintf(" %d %v %q", err.ExitCode(), err.Sys(), err.Stderr)
	}
	for _, known := range []error{osexec.ErrDot, osexec.ErrNotFound, os.ErrNotExist, os.ErrPermission, context.Canceled} {
		if errors.Is(err, known) {
			text += " is " + known.Error()
		}
	}
	return text
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// writers cannot be compared.
type writers []io.Writer

func (w writers) Write(p []byte) (int, error) { return w[0].Write(p) }

// TestDifferentialSeesADifference keeps the comparison honest.
func TestDifferentialSeesADifference(t *testing.T) {
	needProcesses(t)
	world := newWorld(t)
	results := map[string]bool{}
	for seed := range uint64(20) {
		results[world.run(seed, newOwn)] = true
	}
	if len(results) < 10 {
		t.Errorf("20 random commands had %d different results", len(results))
	}
}
