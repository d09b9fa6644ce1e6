package exec_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/exec"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
)

func init() {
	selftest.Register("wait for many", func(args []string) {
		waitForMany(args[0], selftest.Number(args[1]))
	})
}

// TestWaitsAndCopiesNeedNoThreads counts in a process of its own: threads that
// were once needed stay.
func TestWaitsAndCopiesNeedNoThreads(t *testing.T) {
	selftest.NeedProc(t)
	image := tinyprog.Hold(runtime.GOARCH)
	if image == nil {
		t.Skip("no tiny program for " + runtime.GOARCH)
	}
	hold := filepath.Join(t.TempDir(), "hold")
	check(t, os.WriteFile(hold, image, 0o700))
	n := 300
	if *selftest.Long {
		n = 2000
	}
	out, err := command(t, "wait for many", hold, fmt.Sprint(n)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// waitForMany has n goroutines in Cmd.Wait, with the output of each child copied.
func waitForMany(hold string, n int) {
	r, w, err := os.Pipe()
	fatal(err)
	var waits sync.WaitGroup
	for range n {
		cmd := exec.Command(hold)
		cmd.Stdin, cmd.Stdout = r, io.MultiWriter(io.Discard)
		fatal(cmd.Start())
		waits.Go(func() { fatal(cmd.Wait()) })
	}
	tasks, err := os.ReadDir("/proc/self/task")
	fatal(err)
	fmt.Printf("%d goroutines in Wait, %d threads\n", n, len(tasks))
	most := runtime.GOMAXPROCS(0) + 6
	if ward.Capabilities().Backend == "fallback" {
		most += 4 // os/signal has one, and starts take turns in a lock
	}
	if len(tasks) > most {
		fatal(fmt.Errorf("that is more than %d threads", most))
	}
	w.Close()
	r.Close()
	waits.Wait()
}

func fatal(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
