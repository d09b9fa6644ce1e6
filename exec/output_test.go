package exec_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	osexec "os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/wardproc/ward/exec"
	"github.com/wardproc/ward/internal/selftest"
)

func TestOutputKeepsTheEndsOfALongStandardError(t *testing.T) {
	needProcesses(t)
	for _, n := range []int{0, 1, 32 << 10, 32<<10 + 1, 64 << 10, 64<<10 + 1, 200_000} {
		var texts []string
		path, argv, env := selftest.Command("write", "2", fmt.Sprint(n), "1")
		std := osexec.Command(path, argv[1:]...)
		std.Env = env
		own := helper("write", "2", fmt.Sprint(n), "1")
		for _, run := range []func() ([]byte, error){std.Output, own.Output} {
			out, err := run()
			if string(out) != "oo" {
				t.Errorf("%d bytes: output %q", n, out)
			}
			if exit, ok := err.(*osexec.ExitError); ok {
				texts = append(texts, string(exit.Stderr))
			} else if exit, ok := err.(*exec.ExitError); ok {
				texts = append(texts, string(exit.Stderr))
			}
		}
		if len(texts) != 2 || texts[0] != texts[1] {
			t.Errorf("of %d bytes, os/exec and this package keep other ones", n)
		}
	}
}

func TestCombinedOutputHasBoth(t *testing.T) {
	out, err := command(t, "write", "10", "20", "0").CombinedOutput()
	check(t, err)
	if o, e := strings.Count(string(out), "o"), strings.Count(string(out), "e"); o != 10 || e != 20 || len(out) != 30 {
		t.Errorf("output %q", out)
	}
}

func TestOutputGoesToTwoWritersOfAnyKind(t *testing.T) {
	var stdout, stderr bytes.Buffer
	cmd := command(t, "write", "100000", "100000", "0")
	cmd.Stdout, cmd.Stderr = writers{&stdout}, writers{&stderr} // which cannot be compared
	check(t, cmd.Run())
	if stdout.Len() != 100000 || stderr.Len() != 100000 {
		t.Errorf("%d and %d bytes", stdout.Len(), stderr.Len())
	}
}

func TestOneWriterIsWrittenByOneGoroutine(t *testing.T) {
	var text bytes.Buffer // the race detector watches it
	cmd := command(t, "write", "100000", "100000", "0")
	cmd.Stdout, cmd.Stderr = &text, &text
	check(t, cmd.Run())
	if text.Len() != 200000 {
		t.Errorf("%d bytes", text.Len())
	}
}

func TestWriterThatFailsIsTheError(t *testing.T) {
	failed := errors.New("full")
	cmd := command(t, "write", "10", "0", "0")
	cmd.Stdout = writerFunc(func([]byte) (int, error) { return 0, failed })
	if err := cmd.Run(); err != failed {
		t.Errorf("Run: %v", err)
	}
	// A child that fails itself is the better news.
	cmd = command(t, "write", "10", "0", "9")
	cmd.Stdout = writerFunc(func([]byte) (int, error) { return 0, failed })
	if exit, ok := cmd.Run().(*exec.ExitError); !ok || exit.ExitCode() != 9 {
		t.Errorf("Run: %v", exit)
	}
}

// TestWriterThatFailsEndsTheChild has a child that would write for ever.
func TestWriterThatFailsEndsTheChild(t *testing.T) {
	cmd := command(t, "cat")
	cmd.Stdin = rand.NewChaCha8([32]byte{}) // endless
	cmd.Stdout = writerFunc(func([]byte) (int, error) { return 0, errors.New("full") })
	if err := cmd.Run(); err == nil {
		t.Error("Run: no error")
	}
}

// TestReaderThatFailsIsTheError has a reader whose error looks like that of a
// pipe that the child does not read.
func TestReaderThatFailsIsTheError(t *testing.T) {
	cmd := command(t, "cat")
	r, w := pipe(t)
	r.Close()
	_, err := w.Write([]byte("x"))
	failed := err.(*fs.PathError)
	failed.Path = "input"
	cmd.Stdin = iotest.ErrReader(failed)
	if err := cmd.Run(); err != failed {
		t.Errorf("Run: %v, want %v", err, failed)
	}
}

func TestInputThatIsNotReadIsNoError(t *testing.T) {
	cmd := command(t, "exit", "0")
	cmd.Stdin = rand.NewChaCha8([32]byte{}) // endless
	check(t, cmd.Run())
}

// TestOutputToAWriterThatTakesTheDescriptor has a child that knows nothing of EAGAIN.
func TestOutputToAWriterThatTakesTheDescriptor(t *testing.T) {
	out := new(descriptorTaker)
	cmd := command(t, "write", "200000", "0", "0")
	cmd.Stdout = out
	check(t, cmd.Run())
	if out.n != 200000 {
		t.Errorf("%d bytes of 200000 have come", out.n)
	}
}

// A descriptorTaker asks for the descriptor of what it reads from, as a writer may that
// hands it to a system call.
type descriptorTaker struct{ n int64 }

func (w *descriptorTaker) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return len(p), nil
}

func (w *descriptorTaker) ReadFrom(r io.Reader) (n int64, err error) {
	if f, ok := r.(interface{ Fd() uintptr }); ok {
		f.Fd()
	}
	n, err = io.Copy(io.Discard, struct{ io.Reader }{r})
	w.n += n
	return n, err
}
