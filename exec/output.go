package exec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// An ExitError is the error of a child that ended unsuccessfully. It is not the
// ExitError of os/exec, whose ProcessState only package os can make.
type ExitError struct {
	*ProcessState

	// Stderr is what the child wrote to its standard error, if [Cmd.Output]
	// collected it; of a long text the middle is left out.
	Stderr []byte
}

// Error returns "exit status 1", "signal: killed" and so on.
func (e *ExitError) Error() string { return e.ProcessState.String() }

// Output runs the command and returns its standard output. If Stderr is nil,
// an [*ExitError] has the standard error.
func (c *Cmd) Output() ([]byte, error) {
	if c.Stdout != nil {
		return nil, errors.New("exec: Stdout already set")
	}
	var stdout bytes.Buffer
	c.Stdout = &stdout
	var stderr *prefixSuffixSaver
	if c.Stderr == nil {
		stderr = &prefixSuffixSaver{N: 32 << 10}
		c.Stderr = stderr
	}
	err := c.Run()
	if exit, ok := err.(*ExitError); ok && stderr != nil {
		exit.Stderr = stderr.Bytes()
	}
	return stdout.Bytes(), err
}

// CombinedOutput runs the command and returns its standard output and standard
// error as they came.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	if c.Stdout != nil {
		return nil, errors.New("exec: Stdout already set")
	}
	if c.Stderr != nil {
		return nil, errors.New("exec: Stderr already set")
	}
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	err := c.Run()
	return output.Bytes(), err
}

// A prefixSuffixSaver keeps the first N and the last N bytes that are written
// to it.
type prefixSuffixSaver struct {
	N       int
	prefix  []byte
	suffix  []byte // its last N bytes count
	skipped int64  // bytes before those
}

func (w *prefixSuffixSaver) Write(p []byte) (int, error) {
	n := len(p)
	first := min(n, w.N-len(w.prefix))
	w.prefix = append(w.prefix, p[:first]...)
	w.suffix = append(w.suffix, p[first:]...)
	if len(w.suffix) > 2*w.N {
		w.trim()
	}
	return n, nil
}

// ReadFrom spares io.Copy a buffer of 32 KiB for what is most often nothing.
func (w *prefixSuffixSaver) ReadFrom(r io.Reader) (n int64, err error) {
	buffer := make([]byte, 512)
	for {
		m, err := r.Read(buffer)
		n += int64(m)
		w.Write(buffer[:m])
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		case m == len(buffer) && m < w.N:
			buffer = make([]byte, 2*m)
		}
	}
}

// trim drops what does not count.
func (w *prefixSuffixSaver) trim() {
	if extra := len(w.suffix) - w.N; extra > 0 {
		w.skipped += int64(extra)
		w.suffix = append(w.suffix[:0], w.suffix[extra:]...)
	}
}

// Bytes returns all, or the two ends with a line between them that counts what
// is missing.
func (w *prefixSuffixSaver) Bytes() []byte {
	w.trim()
	if w.skipped == 0 {
		return append(w.prefix, w.suffix...)
	}
	return fmt.Appendf(nil, "%s\n... omitting %d bytes ...\n%s", w.prefix, w.skipped, w.suffix)
}
