package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.RegisterSized("few descriptors", func(n int) { startUntilItFails(n, fewDescriptors) })
	selftest.RegisterSized("few processes", func(n int) { startUntilItFails(n, fewProcesses) })
}

func TestDescriptorsEndInTheMiddleOfStarts(t *testing.T) {
	selftest.NeedProc(t)
	inEachVariant(t, ward.Attr{}, "few descriptors", 2, 50, "recover=off")
}

// lonely is a user without privileges who has no other process.
const lonely = 61_184

func TestProcessesEndInTheMiddleOfStarts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root: the limit would count the user's other processes, too")
	}
	if err := selftest.MayBecome(lonely); err != nil {
		t.Skip(err)
	}
	sys := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: lonely, Gid: lonely}}
	inEachVariant(t, ward.Attr{Sys: sys}, "few processes", 2, 50, "recover=off")
}

// starters is how many goroutines start children, and more is how many of what
// is limited they have: enough that the first starts cannot all fail.
const (
	starters = 64
	more     = 4 * starters
)

// startUntilItFails has each goroutine start children until it cannot, has the
// children end, and looks at what is left.
func startUntilItFails(rounds int, limit func() (lift func(), want syscall.Errno)) {
	path, argv, env := waiting()
	startOne := func(input *os.File) (ward.Handle, error) {
		return childtest.StartProgram(path, argv, &ward.Attr{Env: env, Files: []*os.File{input}})
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		childtest.Complain("%v", err)
	}
	if h, err := startOne(null); err != nil { // and what is tried once, is
		childtest.Complain("Start without a limit: %v", err)
	} else {
		<-h.Done()
	}
	childtest.IdleThreads(3 * starters)
	left := selftest.Watch()
	for range rounds {
		r, w, err := os.Pipe()
		if err != nil {
			childtest.Complain("%v", err)
		}
		lift, want := limit()
		children := make([][]ward.Handle, starters)
		var atWork sync.WaitGroup
		for i := range starters {
			atWork.Go(func() {
				for {
					h, err := startOne(r)
					if err != nil {
						checkStartError(err, want)
						return
					}
					children[i] = append(children[i], h)
				}
			})
		}
		atWork.Wait()
		w.Close()
		started := 0
		for _, own := range children {
			for _, h := range own {
				started++
				if state, err := h.Wait(context.Background()); err != nil || !state.Success() {
					childtest.Complain("Wait() = %v, %v", state, err)
				}
			}
		}
		lift()
		r.Close()
		fmt.Printf("%d children, then %d errors that are %v\n", started, starters, want)
		if started == 0 {
			childtest.Complain("this shows nothing")
		}
		if err := left(); err != nil {
			childtest.Complain("left behind: %v", err)
		}
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil); err != unix.ECHILD {
			childtest.Complain("left behind: a child that only __WALL sees (%d, %v)", pid, err)
		}
	}
}

func checkStartError(err error, want syscall.Errno) {
	var typed *ward.Error
	var failed *fs.PathError
	// In the standard library's way a child finds no number to put a file aside:
	// dup(2) calls that EBADF.
	if errors.Is(err, syscall.EBADF) && want == syscall.EMFILE && ward.Capabilities().Spawn == "std" {
		want = syscall.EBADF
	}
	if !errors.Is(err, want) || !errors.As(err, &typed) && !errors.As(err, &failed) {
		childtest.Complain("Start: %T %v; want %v", err, err, want)
	}
}

// fewDescriptors takes all but some.
func fewDescriptors() (lift func(), want syscall.Errno) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		childtest.Complain("getrlimit: %v", err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		childtest.Complain("%v", err)
	}
	few := unix.Rlimit{Cur: uint64(len(open) + more), Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		childtest.Complain("setrlimit: %v", err)
	}
	return func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }, syscall.EMFILE
}

// fewProcesses allows some besides the threads that there are.
func fewProcesses() (lift func(), want syscall.Errno) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &limit); err != nil {
		childtest.Complain("getrlimit: %v", err)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		childtest.Complain("%v", err)
	}
	few := unix.Rlimit{Cur: uint64(len(threads) + more), Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &few); err != nil {
		childtest.Complain("setrlimit: %v", err)
	}
	return func() { unix.Setrlimit(unix.RLIMIT_NPROC, &limit) }, syscall.EAGAIN
}
