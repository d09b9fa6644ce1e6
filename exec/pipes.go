package exec

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/wardproc/ward"
)

// A stream is one pipe that a goroutine copies while the child runs.
type stream struct {
	name string
	copy func() error // nil for a cheap pipe before open

	pipe   *cheapPipe // nil if it is none
	output io.Writer  // for a cheap pipe
}

// open has a cheap pipe be copied.
func (s *stream) open() {
	if s.pipe == nil {
		return
	}
	parent, err := s.pipe.open()
	s.copy = func() error {
		if err == nil {
			_, err = io.Copy(s.output, parent)
		}
		s.pipe.Close()
		return err
	}
}

// StdinPipe returns a pipe to the child's standard input. Wait closes it after
// the child's exit; so may the caller, sooner.
func (c *Cmd) StdinPipe() (io.WriteCloser, error) {
	if c.Stdin != nil {
		return nil, errors.New("exec: Stdin already set")
	}
	if c.Process != nil {
		return nil, errors.New("exec: StdinPipe after process started")
	}
	child, parent, err := c.pipe(toChild, os.Pipe)
	if err != nil {
		return nil, err
	}
	c.Stdin = child
	return parent, nil
}

// StdoutPipe returns a pipe from the child's standard output. Wait closes it
// after the child's exit: read it to the end before.
func (c *Cmd) StdoutPipe() (io.ReadCloser, error) {
	return c.outputPipe("Stdout", &c.Stdout)
}

// StderrPipe is StdoutPipe for the standard error.
func (c *Cmd) StderrPipe() (io.ReadCloser, error) {
	return c.outputPipe("Stderr", &c.Stderr)
}

func (c *Cmd) outputPipe(field string, output *io.Writer) (io.ReadCloser, error) {
	if *output != nil {
		return nil, errors.New("exec: " + field + " already set")
	}
	if c.Process != nil {
		return nil, errors.New("exec: " + field + "Pipe after process started")
	}
	child, parent, err := c.pipe(fromChild, os.Pipe)
	if err != nil {
		return nil, err
	}
	*output = child
	return parent, nil
}

// direction is that in which a pipe carries data.
type direction bool

const (
	toChild   direction = false
	fromChild direction = true
)

// An opener is os.Pipe, or like it.
type opener func() (r, w *os.File, err error)

// pipe returns the child's end of a new pipe, which Start closes, and ours,
// which Wait closes.
func (c *Cmd) pipe(d direction, open opener) (child, parent *os.File, err error) {
	child, parent, err = open()
	if err != nil {
		return nil, nil, err
	}
	if d == fromChild {
		child, parent = parent, child
	}
	c.childFiles = append(c.childFiles, child)
	c.parentFiles = append(c.parentFiles, parent)
	return child, parent, nil
}

func (c *Cmd) childStdin() (*os.File, error) {
	if c.Stdin == nil {
		return nil, nil // the null device
	}
	if f, ok := c.Stdin.(*os.File); ok {
		return given(f), nil
	}
	// Stdin's WriteTo gets our end and may give it to another child.
	child, parent, err := c.pipe(toChild, os.Pipe)
	if err != nil {
		return nil, err
	}
	c.streams = append(c.streams, stream{name: "stdin", copy: func() error {
		_, err := io.Copy(parent, c.Stdin)
		if isUnread(err, parent) {
			err = nil
		}
		if closeErr := parent.Close(); err == nil {
			err = closeErr
		}
		return err
	}})
	return child, nil
}

// isUnread reports whether err says that the child has not read all of its
// standard input, which is its own affair. An error of the same kind from the
// reader that Stdin is does not count.
func isUnread(err error, stdin *os.File) bool {
	path, ok := err.(*fs.PathError)
	return ok && path.Op == "write" && path.Path == stdin.Name() && isBrokenPipe(path.Err)
}

// childOutputs gives both outputs one file where they are the same writer, so
// that no two goroutines write to it.
func (c *Cmd) childOutputs() (stdout, stderr *os.File, err error) {
	if same(c.Stdout, c.Stderr) {
		stdout, err = c.childOutput("stdout and stderr", c.Stdout)
		return stdout, stdout, err
	}
	if stdout, err = c.childOutput("stdout", c.Stdout); err != nil {
		return nil, nil, err
	}
	stderr, err = c.childOutput("stderr", c.Stderr)
	return stdout, stderr, err
}

// same reports whether a and b are equal. Types that cannot be compared are not.
func same(a, b io.Writer) bool {
	defer func() { _ = recover() }()
	return a == b
}

func (c *Cmd) childOutput(name string, output io.Writer) (*os.File, error) {
	if output == nil {
		return nil, nil // the null device
	}
	if f, ok := output.(*os.File); ok {
		return given(f), nil
	}
	if !neverBlocks(output) {
		child, parent, err := c.pipe(fromChild, os.Pipe)
		if err != nil {
			return nil, err
		}
		c.streams = append(c.streams, stream{name: name, copy: func() error {
			_, err := io.Copy(output, parent)
			parent.Close() // the child is to notice when output has failed
			return err
		}})
		return child, nil
	}
	pipe, child, err := newCheapPipe()
	if err != nil {
		return nil, err
	}
	c.childFiles = append(c.childFiles, child)
	c.parentFiles = append(c.parentFiles, pipe)
	c.streams = append(c.streams, stream{name: name, pipe: pipe, output: output})
	return child, nil
}

// neverBlocks reports whether an output is known to take all that it gets at once, and
// to do nothing with the descriptor of what it reads from.
func neverBlocks(output io.Writer) bool {
	switch output.(type) {
	case *bytes.Buffer, *strings.Builder, *prefixSuffixSaver:
		return true
	}
	return false
}

// isBrief reports whether to wait for the child's exit for a moment in Start: if all that
// is copied can wait, which so may need no goroutine. Without streams a start that is alone
// gains nothing.
func (c *Cmd) isBrief(alone bool) bool {
	canWait := !slices.ContainsFunc(c.streams, func(s stream) bool { return s.pipe == nil })
	return canWait && (len(c.streams) > 0 || !alone)
}

// drain copies what a child has left that has ended.
func (c *Cmd) drain() {
	c.streams = slices.DeleteFunc(c.streams, func(s stream) bool {
		if s.pipe == nil {
			return false
		}
		ended, err := s.pipe.drain(s.output)
		if ended {
			s.pipe.Close()
		}
		if c.drained == nil {
			c.drained = err
		}
		return ended
	})
}

// given is a file of the caller's: one that is nil is closed, as in os/exec.
func given(f *os.File) *os.File {
	if f == nil {
		return ward.Closed
	}
	return f
}

func closeAll(files *[]io.Closer) {
	for _, f := range *files {
		f.Close()
	}
	*files = nil
}
