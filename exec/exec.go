package exec

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/wardproc/ward"
)

// Error is that of os/exec, which [LookPath] returns.
type Error = exec.Error

// The errors of os/exec: errors.Is finds them by the name of either package.
var (
	ErrDot      = exec.ErrDot
	ErrNotFound = exec.ErrNotFound

	// ErrWaitDelay is in the error of [Cmd.Wait] when the child succeeded but
	// WaitDelay expired before its output was complete. It is wrapped in one
	// that names the pipes, so compare with errors.Is.
	ErrWaitDelay = exec.ErrWaitDelay
)

// LookPath is that of os/exec.
func LookPath(file string) (string, error) { return exec.LookPath(file) }

// A Cmd is a command that is being prepared or runs. It can be started once.
type Cmd struct {
	// These fields are those of os/exec.Cmd.
	Path        string
	Args        []string
	Env         []string
	Dir         string
	Stdin       io.Reader
	Stdout      io.Writer
	Stderr      io.Writer
	ExtraFiles  []*os.File
	SysProcAttr *syscall.SysProcAttr

	// Process is the child, once started.
	Process *Process

	// ProcessState tells how the child ended, once Wait has seen it.
	ProcessState *ProcessState

	// Err is the error of the search for the program, if any.
	Err error

	// Cancel is called when the context of CommandContext ends before Wait has
	// seen the exit; so it is, with Tree, while what the child left behind keeps
	// Wait from returning. CommandContext sets it to kill the child or, with
	// Tree, the child and its descendants.
	Cancel func() error

	// WaitDelay bounds the time that Wait takes beyond the end of the context
	// or of the child, whichever comes first. Then the child is killed, with
	// Tree also its descendants as far as KillTree reaches them, and the pipes
	// that Wait copies are closed.
	WaitDelay time.Duration

	// Private, KillOnParentExit and Tree are those of [ward.Attr]. Start
	// returns errors.ErrUnsupported where the system does not have them.
	Private          bool
	KillOnParentExit bool
	Tree             bool

	ctx     context.Context
	started int32 // atomic, and no atomic.Bool, as a Cmd may be copied before

	childFiles  []io.Closer // given to the child and closed after its start
	parentFiles []io.Closer // our ends of the pipes
	streams     []stream    // to be copied while the child runs

	drained error        // of what was copied after the exit
	copying *copying     // nil if there are no streams
	watch   *watch       // nil if there is nothing to do when ctx ends
	wait    func() error // nil before the start
	origin  *Cmd         // that was started: this one may be a copy
}

// Command returns a Cmd for the program name, searched for as in os/exec.
func Command(name string, arg ...string) *Cmd {
	std := exec.Command(name, arg...)
	return &Cmd{Path: std.Path, Args: std.Args, Err: std.Err}
}

// CommandContext is [Command] with a context whose end interrupts the child, by
// a call of Cancel.
func CommandContext(ctx context.Context, name string, arg ...string) *Cmd {
	if ctx == nil {
		panic("nil Context")
	}
	c := Command(name, arg...)
	c.ctx = ctx
	c.Cancel = c.kill
	return c
}

// Handle returns the child's handle, or nil before Start.
func (c *Cmd) Handle() ward.Handle {
	if c.Process == nil {
		return nil
	}
	return c.Process.handle
}

// String returns the command for people to read, as os/exec does.
func (c *Cmd) String() string { return c.std().String() }

// Environ returns the environment that the child would get: Env or else the
// program's own, without duplicates, and with PWD if Dir is set.
func (c *Cmd) Environ() []string { return c.std().Environ() }

// std is the part of c that os/exec answers questions about.
func (c *Cmd) std() *exec.Cmd {
	return &exec.Cmd{
		Path: c.Path, Args: c.Args, Err: c.Err,
		Env: c.Env, Dir: c.Dir, SysProcAttr: c.SysProcAttr,
	}
}

// environ is Environ with the errors that it passes over, or nil for the
// program's own as it is: package syscall lets that have no duplicates.
func (c *Cmd) environ() ([]string, error) {
	given := c.Env
	if given == nil {
		if err := environError(c.SysProcAttr); err != nil {
			return nil, err
		}
		if runtime.GOOS != "windows" {
			if c.Dir == "" {
				return nil, nil
			}
			pwd, err := filepath.Abs(c.Dir)
			if err != nil {
				return nil, err
			}
			given = []string{pwd}
		}
	}
	nul := func(entry string) bool { return strings.IndexByte(entry, 0) >= 0 }
	if slices.ContainsFunc(given, nul) {
		return nil, errors.New("exec: environment variable contains NUL")
	}
	return c.Environ(), nil
}
