package exec

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// A stream is one pipe that a goroutine copies while the child runs.
type stream struct {
	name string
	copy func() error
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
		return c.nullDevice()
	}
	if f, ok := c.Stdin.(*os.File); ok {
		return f, nil
	}
	// Stdin's WriteTo gets our end and may give it to another child.
	child, parent, err := c.pipe(toChild, os.Pipe)
	if err != nil {
		return nil, err
	}
	c.streams = append(c.streams, stream{"stdin", func() error {
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
		return c.nullDevice()
	}
	if f, ok := output.(*os.File); ok {
		return f, nil
	}
	child, parent, err := c.pipe(fromChild, streamPipe)
	if err != nil {
		return nil, err
	}
	c.streams = append(c.streams, stream{name, func() error {
		_, err := io.Copy(output, parent)
		parent.Close() // the child is to notice when output has failed
		return err
	}})
	return child, nil
}

// nullDevice is one file for input and output: to open it takes time.
func (c *Cmd) nullDevice() (*os.File, error) {
	if c.null != nil {
		return c.null, nil
	}
	f, err := openNull()
	if err == nil {
		c.null = f
		c.childFiles = append(c.childFiles, f)
	}
	return f, err
}

func closeAll(files *[]io.Closer) {
	for _, f := range *files {
		f.Close()
	}
	*files = nil
}
