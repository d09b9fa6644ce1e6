package exec

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/wardproc/ward"
)

// Run is Start and Wait, and faster than these for a child that ends at once: see
// [ward.Run].
func (c *Cmd) Run() error {
	if err := c.start(true); err != nil {
		return err
	}
	return c.Wait()
}

// Start starts the command and does not wait for it. Its errors are those of
// os/exec and of [ward.Start]. A child that nobody waits for is reaped all the
// same, but the pipes and the goroutines that copy them stay until Wait.
func (c *Cmd) Start() error { return c.start(false) }

// start is Start, for a caller who only waits next if brief.
func (c *Cmd) start(brief bool) error {
	if atomic.SwapInt32(&c.started, 1) != 0 {
		return errors.New("exec: already started")
	}
	process, err := c.startProcess(brief)
	closeAll(&c.childFiles)
	if err != nil {
		closeAll(&c.parentFiles)
		c.streams = nil
		return err
	}
	c.Process = process
	select {
	case <-process.handle.Done():
		c.drain()
	default:
	}
	c.startCopying()
	if (c.Cancel != nil || c.WaitDelay != 0) && c.ctx != nil && c.ctx.Done() != nil {
		c.watch = &watch{exited: make(chan struct{}), done: make(chan struct{})}
		c.watch.stop = context.AfterFunc(c.ctx, c.interrupt)
	}
	c.origin = c
	c.wait = sync.OnceValue(c.finish)
	return nil
}

func (c *Cmd) startProcess(brief bool) (*Process, error) {
	path, err := c.check()
	if err != nil {
		return nil, err
	}
	files, err := c.files()
	if err != nil {
		return nil, err
	}
	env, err := c.environ()
	if err != nil {
		return nil, err
	}
	argv := c.Args
	if len(argv) == 0 {
		argv = []string{c.Path}
	}
	alone := starts.Add(1) == 1
	defer starts.Add(-1)
	h, err := ward.Start(path, argv, &ward.Attr{
		Dir:              c.Dir,
		Env:              env,
		Files:            files,
		Sys:              c.SysProcAttr,
		Private:          c.Private,
		KillOnParentExit: c.KillOnParentExit,
		Tree:             c.Tree,
		Brief:            brief && c.isBrief(alone),

		InheritDescriptors: true,
	})
	if err != nil {
		return nil, startError(path, err)
	}
	return &Process{Pid: h.PID(), handle: h}, nil
}

// starts are those under way.
var starts atomic.Int32

// startError is err in the words of os/exec: what the system refuses, descriptors for
// example, it refuses the start of the program.
func startError(path string, err error) error {
	failed, ok := errors.AsType[*ward.Error](err)
	if !ok {
		return err
	}
	if errno, ok := errnoOf(failed); ok && !errors.Is(err, errors.ErrUnsupported) {
		return &fs.PathError{Op: "fork/exec", Path: path, Err: errno}
	}
	return err
}

// check returns the program's path, or why the command must not be started.
func (c *Cmd) check() (path string, err error) {
	if c.Path == "" && c.Err == nil {
		c.Err = errors.New("exec: no command")
	}
	if c.Err != nil {
		return "", c.Err
	}
	// Path itself stays as it is: others may read it meanwhile.
	if path, err = lookExtensions(c.Path, c.Dir); err != nil {
		return "", err
	}
	if c.ctx != nil {
		return path, c.ctx.Err()
	}
	if c.Cancel != nil {
		return "", errors.New("exec: command with a non-nil Cancel was not created with CommandContext")
	}
	return path, nil
}

// files returns the child's files.
func (c *Cmd) files() ([]*os.File, error) {
	stdin, err := c.childStdin()
	if err != nil {
		return nil, err
	}
	stdout, stderr, err := c.childOutputs()
	if err != nil {
		return nil, err
	}
	return append([]*os.File{stdin, stdout, stderr}, c.ExtraFiles...), nil
}
