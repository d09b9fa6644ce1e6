package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// A bench takes measurements, each in a fresh process, so that the threads,
// memory and descriptors that one library leaves do not stain another's
// figures.
type bench struct {
	self string // this binary
	peer string // the C program, or ""
}

// measure runs the worker or the C program for one cell.
func (b *bench) measure(ctx context.Context, c cell) (samples, error) {
	if isPeer(c.Library) {
		out, err := output(exec.CommandContext(ctx, b.peer, caseNamed(c.Case).peer(c)...))
		if err != nil {
			return nil, err
		}
		return parsePeer(string(out))
	}
	task, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.self)
	// A worker that dies of too many threads has a stack to show for each.
	cmd.Env = append(os.Environ(), roleVar+"=worker", "GOTRACEBACK=none")
	cmd.Stdin = bytes.NewReader(task)
	out, err := output(cmd)
	if err != nil {
		return nil, err
	}
	var result samples
	return result, json.Unmarshal(out, &result)
}

// output runs cmd and returns what it printed; if it fails, the error has the
// first line that it had to say.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second // its children may hold the pipes
	out, err := cmd.Output()
	if err != nil && stderr.Len() > 0 {
		err = fmt.Errorf("%w: %s", err, firstLine(stderr.Bytes()))
	}
	return out, err
}

// workerMain takes the one measurement that stdin describes and prints its
// samples.
func workerMain() int {
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func work() error {
	// The children are not to take this process for their model.
	if err := os.Unsetenv(roleVar); err != nil {
		return err
	}
	var c cell
	if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	bc, lib := caseNamed(c.Case), libraries[c.Library]
	if bc == nil || lib == nil {
		return errors.New("worker: no such case or library: " + c.Case + ", " + c.Library)
	}
	result, err := bc.measure(lib, c)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
