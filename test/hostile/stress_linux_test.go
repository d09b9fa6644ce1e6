package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.RegisterSized("stress", startInAStorm)
}

// TestStartsSurviveTheGoRuntime makes the runtime do all it does to a thread,
// while children share the program's memory.
func TestStartsSurviveTheGoRuntime(t *testing.T) {
	// The children are in the group that gets the signals, and the tests are not.
	attr := ward.Attr{Sys: &syscall.SysProcAttr{Setpgid: true}}
	inEachVariant(t, attr, "stress", 2000, 100_000, "recover=off")
}

func startInAStorm(n int) {
	alsoPrivate := offersPrivate()
	debug.SetGCPercent(1)
	kilohertz := unix.Itimerval{
		Interval: unix.Timeval{Usec: 1000}, Value: unix.Timeval{Usec: 1000},
	}
	if _, err := unix.Setitimer(unix.ITIMER_PROF, kilohertz); err != nil { // SIGPROF
		childtest.Complain("%v", err)
	}

	stop := make(chan struct{})
	var disturbers, starters sync.WaitGroup
	disturb := func(f func(round int)) {
		disturbers.Go(func() {
			for round := 0; ; round++ {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Microsecond):
					f(round)
				}
			}
		})
	}
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGWINCH, syscall.SIGCHLD)
	// Signals that a program which does not handle them ignores: the children
	// are in the group, too.
	rain := []syscall.Signal{syscall.SIGWINCH, syscall.SIGURG, syscall.SIGCONT}
	disturb(func(round int) { syscall.Kill(0, rain[round%len(rain)]) })
	disturb(func(round int) { growStack(round % 2000) })
	disturb(func(int) { runtime.GC() })
	procs := []int{1, 2, 4, 16, 3}
	disturb(func(round int) {
		if round%200 == 0 {
			runtime.GOMAXPROCS(procs[round/200%len(procs)])
		}
	})

	var next atomic.Int64
	for range 8 {
		starters.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				code := byte(i%255 + 1)
				// New memory for each: the garbage collector is at work on it.
				path, argv, env := exiting(code)
				argv, env = append(argv, fmt.Sprint(i)), append(env, fmt.Sprint("I=", i))
				attr := &ward.Attr{Env: env, Private: alsoPrivate && i%2 == 0, Brief: i%3 == 0}
				h, err := childtest.StartProgram(path, argv, attr)
				if err != nil {
					childtest.Complain("start %d: %v", i, err)
				}
				if state, err := h.Wait(context.Background()); err != nil || state.ExitCode() != int(code) {
					childtest.Complain("start %d: %v, %v; want %d", i, state, err, code)
				}
			}
		})
	}
	starters.Wait()
	close(stop)
	disturbers.Wait()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	fmt.Printf("%d starts, %d garbage collections\n", n, stats.NumGC)
}

// offersPrivate tells whether there are private children.
func offersPrivate() bool {
	h, err := childtest.TryStart(&ward.Attr{Private: true}, "exit", "0")
	if errors.Is(err, errors.ErrUnsupported) {
		return false
	}
	if err != nil {
		childtest.Complain("Start: %v", err)
	}
	<-h.Done()
	return true
}

// growStack needs a stack of about n KiB.
func growStack(n int) byte {
	var frame [1024]byte
	frame[n%1024] = byte(n)
	if n == 0 {
		return frame[0]
	}
	return growStack(n-1) + frame[n%1024]
}
