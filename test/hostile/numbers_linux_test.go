package hostile_test

import (
	"fmt"
	"math/rand/v2"
	"os"
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
	selftest.RegisterSized("few numbers", signalBesideStrangers)
}

// TestNoSignalReachesAStranger has a pid namespace with so few numbers that one
// is given again some milliseconds after its process is gone.
func TestNoSignalReachesAStranger(t *testing.T) {
	selftest.NeedProc(t)
	sys := syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	childtest.NeedSys(t, sys)
	inEachVariant(t, ward.Attr{Sys: &sys}, "few numbers", 1_000, 200_000, "recover=off", "spawn=std")
}

// The numbers that a new process may have. What is smaller the kernel gives once
// only, to those that come first.
const (
	smallest = 300 // RESERVED_PIDS
	largest  = 499
)

// signalBesideStrangers is PID 1. It starts children, signals handles of those
// that are going and those that are gone, and meanwhile has strangers come and
// go: they are its children, too, but no handle's. Any signal ends a stranger,
// which then says so by its status, and so do children that nobody meant.
func signalBesideStrangers(n int) {
	stop := make(chan struct{})
	var others, starters sync.WaitGroup
	fewNumbers(&others, stop)

	var recent suspects
	var sent, done atomic.Int64
	others.Go(func() {
		for !isClosed(stop) {
			if recent.any().kill() == nil {
				sent.Add(1)
			} else {
				done.Add(1)
			}
			if (sent.Load()+done.Load())%16 == 0 { // the children need a processor, too
				time.Sleep(10 * time.Microsecond)
			}
		}
	})
	var strangers, shot atomic.Int64
	for range 4 {
		others.Go(func() {
			for !isClosed(stop) {
				strangers.Add(1)
				if beStranger() {
					shot.Add(1)
				}
			}
		})
	}

	var next, reused atomic.Int64
	// A few children more, should all have gone before their signal came, or no
	// number have been given again.
	enough := func(i int64) bool {
		shown := sent.Load() > 0 && done.Load() > 0 && reused.Load() > 0
		return i > int64(n) && (shown || i > 20*int64(n))
	}
	var seen sync.Map // the numbers
	for range 8 {
		starters.Go(func() {
			for i := next.Add(1); !enough(i); i = next.Add(1) {
				s, err := startSuspect(byte(i%255 + 1))
				if err != nil {
					childtest.Complain("Start: %v", err)
				}
				if _, again := seen.LoadOrStore(s.PID(), true); again {
					reused.Add(1)
				}
				recent.put(int(i), s)
				if err := s.check(); err != nil {
					childtest.Complain("%v", err)
				}
			}
		})
	}
	starters.Wait()
	close(stop)
	others.Wait()
	fmt.Printf("%d children, %d numbers given again, %d signals sent and %d refused, %d strangers, of whom %d got one\n",
		next.Load()-8, reused.Load(), sent.Load(), done.Load(), strangers.Load(), shot.Load())
	if shot.Load() > 0 {
		childtest.Complain("signals reached strangers")
	}
	if reused.Load() == 0 || sent.Load() == 0 || done.Load() == 0 || strangers.Load() == 0 {
		childtest.Complain("this shows nothing")
	}
}

// fewNumbers has the kernel give numbers up to largest only.
func fewNumbers(others *sync.WaitGroup, stop <-chan struct{}) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		childtest.Complain("making the mounts private: %v", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		childtest.Complain("mounting /proc: %v", err)
	}
	write := func(file string, number int) {
		if err := os.WriteFile("/proc/sys/kernel/"+file, fmt.Append(nil, number), 0); err != nil {
			childtest.Complain("%v", err)
		}
	}
	// Before Linux 6.14 pid_max is that of the whole system.
	if !selftest.KernelBefore(6, 14) {
		write("pid_max", largest+1)
		return
	}
	others.Go(func() {
		for !isClosed(stop) {
			write("ns_last_pid", smallest)
		}
	})
}

// beStranger starts a stranger, lets it live while some other process starts,
// and reports whether it got a signal.
func beStranger() (shot bool) {
	path, argv, env := waiting()
	r, w, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{Env: env, Files: []uintptr{r.Fd()}})
	if err != nil {
		childtest.Complain("start of a stranger: %v", err)
	}
	r.Close()
	time.Sleep(rand.N(10 * time.Millisecond))
	w.Close()
	var status syscall.WaitStatus
	if got, err := syscall.Wait4(pid, &status, 0, nil); got != pid {
		childtest.Complain("wait for a stranger: %v", err)
	}
	return status.Signaled()
}
