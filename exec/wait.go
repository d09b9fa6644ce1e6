package exec

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Wait waits for the child's exit and for the end of its output and input where
// they are copied, and gives back what the Cmd holds. An unsuccessful exit is
// an [*ExitError].
//
// Unlike in os/exec, it may be called by several goroutines and again: all get
// the same result.
func (c *Cmd) Wait() error {
	if c.wait == nil {
		return errors.New("exec: not started")
	}
	err := c.wait()
	if c.origin != c {
		c.ProcessState = c.origin.ProcessState
	}
	return err
}

// finish is Wait's work. It runs once.
func (c *Cmd) finish() error {
	state, err := c.Process.Wait()
	if err == nil && !state.Success() {
		err = &ExitError{ProcessState: state}
	}
	c.ProcessState = state
	var delay *time.Timer
	var canceled <-chan struct{}
	switch {
	case c.watch == nil:
	case c.watch.end():
		delay = c.watch.delay
		if err == nil {
			err = c.watch.err
		}
	case c.Tree:
		canceled = c.ctx.Done()
	}
	// What went wrong with the copying says little about a child that failed.
	if copyErr := c.finishCopying(delay, canceled); err == nil {
		err = copyErr
	}
	closeAll(&c.parentFiles)
	return err
}

// finishCopying waits for the streams, no longer than delay or, if that is nil,
// WaitDelay. When canceled is closed, what is left of a tree is to end.
func (c *Cmd) finishCopying(delay *time.Timer, canceled <-chan struct{}) error {
	if c.copying == nil {
		return c.drained
	}
	select {
	case <-c.copying.done:
		return c.copying.err
	default:
	}
	if delay == nil && c.WaitDelay != 0 {
		delay = time.NewTimer(c.WaitDelay)
	}
	var expired <-chan time.Time // never, if WaitDelay is 0
	if delay != nil {
		expired = delay.C
	}
	select {
	case <-c.copying.done:
	case <-expired:
		return c.giveUp()
	case <-canceled:
		err := c.cancel()
		if copyErr := c.finishCopying(delay, nil); err == nil {
			err = copyErr
		}
		return err
	}
	return c.copying.err
}

// giveUp ends the copying by closing the pipes that it blocks on. Of a tree it
// kills what it can: the error tells what the rest holds.
func (c *Cmd) giveUp() error {
	open := c.copying.open()
	if c.Tree {
		c.kill()
	}
	for _, f := range c.parentFiles {
		f.Close()
	}
	<-c.copying.done
	if open == "" {
		return c.copying.err // it ended just then
	}
	return fmt.Errorf("%w: %s still open after %v", ErrWaitDelay, open, c.WaitDelay)
}

// A watch is on a command's context: when that ends, interrupt runs.
type watch struct {
	stop   func() bool   // of context.AfterFunc
	exited chan struct{} // closed when Wait has seen the exit
	done   chan struct{} // closed when interrupt has set the fields below

	err   error       // what Wait returns for a successful child
	delay *time.Timer // the rest of WaitDelay, which is Wait's
}

// end tells of the exit and reports whether the context had ended before.
func (w *watch) end() bool {
	if w.stop() {
		return false
	}
	close(w.exited)
	<-w.done
	return true
}

// interrupt runs when the context has ended and Wait has not seen the exit.
func (c *Cmd) interrupt() {
	w := c.watch
	defer close(w.done)
	w.err = c.cancel()
	if c.WaitDelay == 0 {
		return
	}
	delay := time.NewTimer(c.WaitDelay)
	select {
	case <-w.exited:
		w.delay = delay
		return
	case <-delay.C:
	}
	// A child that is killed has an unsuccessful exit: no error is needed.
	if err := c.kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		w.err = fmt.Errorf("exec: killing Cmd: %w", err)
	}
	if c.copying == nil {
		return
	}
	select {
	case <-c.copying.done:
	default:
		// Now that it is killed, the child does not die of SIGPIPE.
		if err := c.giveUp(); w.err == nil {
			w.err = err
		}
	}
}

// cancel calls Cancel and returns what a successful exit becomes by that.
func (c *Cmd) cancel() error {
	if c.Cancel == nil {
		return nil
	}
	err := c.Cancel()
	switch {
	case err == nil:
		return c.ctx.Err()
	case errors.Is(err, os.ErrProcessDone), c.missed(err):
		return nil // it ended by itself
	}
	return fmt.Errorf("exec: canceling Cmd: %w", err)
}

// missed reports whether err is what kill(2) says of a child that is gone. With
// os/exec it is a zombie until Wait, and takes the signal.
func (c *Cmd) missed(err error) bool {
	gone := c.Process.handle.WithHandle(func(uintptr) {}) // which is ESRCH, too, in ward
	for ; err != nil; err = errors.Unwrap(err) {
		if errors.Is(gone, err) {
			return true
		}
	}
	return false
}

// kill kills the child, and with Tree its descendants.
func (c *Cmd) kill() error {
	if c.Tree {
		return reason(c.Process.handle.KillTree())
	}
	return c.Process.Kill()
}
