package exec_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward/exec"
	"github.com/wardproc/ward/internal/selftest"
)

// TestWorkerPool runs many commands, a few at a time, and keeps the output of
// each.
func TestWorkerPool(t *testing.T) {
	needProcesses(t)
	n := 100
	if *selftest.Long {
		n = 2000
	}
	jobs := make(chan int)
	outputs := make([]string, n)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for job := range jobs {
				out, err := helper("write", fmt.Sprint(job), "0", fmt.Sprint(job%3)).Output()
				outputs[job] = fmt.Sprint(len(out), " ", err)
			}
		})
	}
	for job := range n {
		jobs <- job
	}
	close(jobs)
	workers.Wait()
	for job, got := range outputs {
		want := fmt.Sprint(job, " ", []string{"<nil>", "exit status 1", "exit status 2"}[job%3])
		if got != want {
			t.Errorf("job %d: %s, want %s", job, got, want)
		}
	}
}

// TestSupervisor restarts a child that crashes, each time after a longer pause,
// until it stays.
func TestSupervisor(t *testing.T) {
	needProcesses(t)
	var codes []int
	pause := time.Millisecond
	for attempt := 3; ; attempt-- {
		cmd := helper("exit", fmt.Sprint(attempt))
		check(t, cmd.Start())
		err := cmd.Wait()
		exit, crashed := errors.AsType[*exec.ExitError](err)
		if !crashed {
			check(t, err)
			break
		}
		codes = append(codes, exit.ExitCode())
		time.Sleep(pause)
		pause *= 2
	}
	if fmt.Sprint(codes) != "[3 2 1]" || pause != 8*time.Millisecond {
		t.Errorf("crashes with %v, last pause %v", codes, pause)
	}
}

// pipeline starts three commands, each of which reads what the one before it
// writes.
func pipeline(t *testing.T, ctx context.Context, output *strings.Builder) (first *exec.Cmd, all []*exec.Cmd) {
	for range 3 {
		all = append(all, commandContext(t, ctx, "cat"))
	}
	for i, cmd := range all[1:] {
		stdout, err := all[i].StdoutPipe()
		check(t, err)
		cmd.Stdin = stdout
	}
	all[2].Stdout = output
	return all[0], all
}

func TestPipeline(t *testing.T) {
	var out strings.Builder
	first, all := pipeline(t, context.Background(), &out)
	text := strings.Repeat("through three programs\n", 10_000)
	first.Stdin = strings.NewReader(text)
	for _, cmd := range all {
		check(t, cmd.Start())
	}
	// The last one first: Wait closes the pipe that the next one reads.
	for i := len(all) - 1; i >= 0; i-- {
		check(t, all[i].Wait())
	}
	if out.String() != text {
		t.Errorf("%d bytes came out of %d", out.Len(), len(text))
	}
}

func TestPipelineEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out strings.Builder
	first, all := pipeline(t, ctx, &out)
	_, err := first.StdinPipe() // that nobody writes to
	check(t, err)
	for _, cmd := range all {
		check(t, cmd.Start())
	}
	cancel()
	for i := len(all) - 1; i >= 0; i-- {
		// One that is killed last may have come to its end of file before.
		err := all[i].Wait()
		if _, killed := errors.AsType[*exec.ExitError](err); !killed && err != nil && err != context.Canceled {
			t.Errorf("command %d: %v", i, err)
		}
	}
	if state := first.ProcessState; state.Success() {
		t.Errorf("the first command, whose input goes on: %v", state)
	}
}
