package exec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/wardproc/ward/exec"
	"github.com/wardproc/ward/internal/selftest"
)

// TestRandomCommandsEndAsWithOSExec runs the same random commands with os/exec
// and with this package and compares all that a caller can see.
func TestRandomCommandsEndAsWithOSExec(t *testing.T) {
	needProcesses(t)
	n := 60
	if *selftest.Long {
		n = 5000
	}
	world := newWorld(t)
	for seed := range uint64(n) {
		closeAll := world.inherit(seed)
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
		closeAll()
	}
}

// descriptors leaves out what package ward may keep for a while.
func descriptors() []string {
	return slices.DeleteFunc(selftest.Descriptors(), func(fd string) bool {
		return strings.Contains(fd, "anon_inode:") || runtime.GOOS != "linux" || selftest.LacksProc()
	})
}

func init() {
	// report tells what the child has got and exits with a code or by a signal
	// to itself.
	selftest.Register("report", func(args []string) {
		dir, _ := os.Getwd()
		input, _ := io.ReadAll(os.Stdin)
		// As one piece: a reader that fails at it breaks the pipe for another one.
		fmt.Printf("%q %s %s %q %d %v %v ", args, dir, os.Getenv("PWD"), os.Getenv("WARD_TEST_VALUE"), len(input), extra(), inherited())
		fmt.Fprint(os.Stderr, strings.Repeat("e", 70_000)[:selftest.Number(args[1])])
		if args[0] == "signal" {
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			select {}
		}
		os.Exit(selftest.Number(args[0]))
	})
}

// extra tells whether descriptor 3 is the world's file. It may be one of the child's
// own runtime, or what package ward hears of the exit by.
func extra() bool {
	info, err := os.NewFile(3, "extra").Stat()
	return err == nil && info.Mode().IsRegular() && info.Size() == int64(len(worldText))
}

// A wish is a random command. Its fields choose from the world's lists.
type wish struct {
	Program, Arg, Stderr, Dir, Env, Input, Output, Extra, Context, Call, Sys string
}

// A world has the files that wishes are about.
type world struct {
	path string
	env  []string
	dir  string
	text string // a file that is no program
	file *os.File
}

const worldText = "a file that is no program"

func newWorld(t *testing.T) *world {
	w := &world{dir: selftest.TempDir(t)}
	w.path, _, w.env = selftest.Command("report")
	for _, entry := range w.env[len(os.Environ()):] {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value) // for a command without Env
	}
	w.text = filepath.Join(w.dir, "text")
	check(t, os.WriteFile(w.text, []byte(worldText), 0o600))
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
		Extra:   pick("none", "file", "nil", "many"),
		Context: pick("none", "live", "ended", "cancel without"),
		Call:    pick("Run", "Output", "CombinedOutput", "twice", "Wait first"),
		Sys:     pick("nil", "missing terminal", "two terminals", "no terminal"),
	}
}

// many is so many files that some take the numbers of descriptors that would be
// inherited.
func (w *world) many() []*os.File {
	files := make([]*os.File, 60)
	files[0], files[38], files[59] = w.file, w.file, w.file
	return files
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
	sys        *syscall.SysProcAttr
	cancel     func() error
}

// newStd returns a Cmd of os/exec and a function that tells how it ended.
func newStd(f fields) (commander, func() string) {
	cmd := osexec.Command(f.path, f.args...)
	if f.ctx != nil {
		cmd = osexec.CommandContext(f.ctx, f.path, f.args...)
	}
	cmd.Env, cmd.Dir, cmd.ExtraFiles, cmd.SysProcAttr = f.env, f.dir, f.extraFiles, f.sys
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
	cmd.Env, cmd.Dir, cmd.ExtraFiles, cmd.SysProcAttr = f.env, f.dir, f.extraFiles, f.sys
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f.stdin, f.stdout, f.stderr
	if f.cancel != nil {
		cmd.Cancel = f.cancel
	}
	return cmd, func() string {
		state := cmd.ProcessState
		return fmt.Sprint(cmd.Process != nil, cmd.Path, cmd.Args, cmd.Err, state, state.ExitCode(), state != nil && state.Exited())
	}
}

// A trial is a wish on its way: a command and what there is to see of it.
type trial struct {
	wish
	fields
	stdout, stderr bytes.Buffer
	file           *os.File // for output
	seen           strings.Builder
}

func (t *trial) note(what string, result any, err error) {
	fmt.Fprintf(&t.seen, "\n%s: %q, %v", what, result, describe(err))
}

// run does what a wish says and returns all that there is to see.
func (w *world) run(seed uint64, newCmd func(fields) (commander, func() string)) string {
	t := &trial{wish: w.wish(seed)}
	var err error
	if t.file, err = os.CreateTemp(w.dir, "output"); err != nil {
		panic(err)
	}
	defer os.Remove(t.file.Name())
	defer t.file.Close()
	t.fields = w.fields(t.wish)
	t.setOutput()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch t.Context {
	case "live":
		t.ctx = ctx
	case "ended":
		t.ctx = ctx
		cancel()
	case "cancel without":
		t.cancel = func() error { return nil }
	}
	cmd, state := newCmd(t.fields)
	t.note("string", cmd.String(), nil)
	t.note("environ", cmd.Environ(), nil)
	t.call(cmd)
	t.note("stdout", t.stdout.Len(), nil)
	t.note("stderr", t.stderr.Len(), nil)
	b, err := os.ReadFile(t.file.Name())
	t.note("file", len(b), err)
	t.note("state", state(), nil)
	return t.seen.String()
}

func (w *world) fields(wish wish) fields {
	const name = "WARD_TEST_VALUE="
	missing := filepath.Join(w.dir, "none")
	w.file.Seek(0, io.SeekStart)
	return fields{
		path: map[string]string{
			"self": w.path, "none": "", "missing name": "no-such-program", "missing path": missing,
			"dot": ".", "text": w.text, "folder": w.dir, "NUL": "a\x00b",
		}[wish.Program],
		args: []string{wish.Arg, wish.Stderr},
		dir: map[string]string{
			"": "", "here": w.dir, "missing": missing, "text": w.text, "NUL": "a\x00b",
		}[wish.Dir],
		env: map[string][]string{
			"own":     w.env,
			"twice":   append(w.env, name+"first", name+"second"),
			"strange": append(w.env, "", "=", "nonsense", "=C:=x"),
			"NUL":     append(w.env, name+"a\x00b"),
		}[wish.Env],
		stdin: map[string]io.Reader{
			"text":         strings.NewReader("text"),
			"large":        strings.NewReader(strings.Repeat("x", 200_000)),
			"failing":      iotest.ErrReader(errors.New("no input")),
			"file":         w.file,
			"pipe and set": strings.NewReader(""),
		}[wish.Input],
		extraFiles: map[string][]*os.File{
			"file": {w.file}, "nil": {nil, w.file}, "many": w.many(),
		}[wish.Extra],
		sys: attributes[wish.Sys],
	}
}

func (t *trial) setOutput() {
	switch t.Output {
	case "buffers":
		t.fields.stdout, t.fields.stderr = &t.stdout, &t.stderr
	case "one":
		t.fields.stdout, t.fields.stderr = &t.stdout, &t.stdout
	case "file":
		t.fields.stdout, t.fields.stderr = t.file, t.file
	case "failing":
		t.fields.stdout = writerFunc(func([]byte) (int, error) { return 0, errors.New("no output") })
	case "incomparable":
		t.fields.stdout, t.fields.stderr = writers{&t.stdout}, writers{&t.stderr}
	}
	switch {
	case t.collects() && t.Output == "failing":
		t.Input = "nil" // they refuse a Stdout that is set, and a pipe would stay
	case t.Input == "failing" && t.Output == "failing":
		t.fields.stdin = nil // either could fail first
	case t.collects():
		t.fields.stdout = nil
	}
	if t.Call == "CombinedOutput" && t.Output != "failing" {
		t.fields.stderr = nil
	}
}

// collects reports whether the call returns the output.
func (w wish) collects() bool { return w.Call == "Output" || w.Call == "CombinedOutput" }

func (t *trial) call(cmd commander) {
	if strings.HasPrefix(t.Input, "pipe") {
		in, err := cmd.StdinPipe()
		t.note("stdin pipe", nil, err)
		if err == nil {
			go func() { // whose write fails if the child does not read
				io.WriteString(in, strings.Repeat("x", 100_000))
				in.Close()
			}()
		}
	}
	var out io.ReadCloser
	if t.Output == "pipe" && !t.collects() {
		var err error
		out, err = cmd.StdoutPipe()
		t.note("stdout pipe", nil, err)
	}
	switch {
	case t.Call == "Output":
		b, err := cmd.Output()
		t.note("output", b, err)
	case t.Call == "CombinedOutput":
		b, err := cmd.CombinedOutput()
		t.note("combined", len(b), err)
	case t.Call == "Run" && out == nil:
		t.note("run", nil, cmd.Run())
	default:
		t.startAndWait(cmd, out)
	}
}

func (t *trial) startAndWait(cmd commander, out io.Reader) {
	if t.Call == "Wait first" {
		t.note("wait first", nil, cmd.Wait())
	}
	err := cmd.Start()
	t.note("start", nil, err)
	if t.Call == "twice" {
		t.note("again", nil, cmd.Start())
	}
	if err == nil {
		_, err := cmd.StdinPipe()
		t.note("late stdin pipe", nil, err)
		if out != nil {
			b, err := io.ReadAll(out)
			t.note("piped", b, err)
		}
	}
	t.note("wait", nil, cmd.Wait())
}

// describe returns type and text of an error, and what both kinds of ExitError
// have.
func describe(err error) string {
	if err == nil {
		return "no error"
	}
	text := fmt.Sprintf("%T %v", err, err)
	switch err := err.(type) {
	case *fs.PathError:
		if err.Op == "fork/exec" || err.Op == "chdir" { // here it is the directory more often
			text = fmt.Sprintf("%T %v", err, err.Err)
		}
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
