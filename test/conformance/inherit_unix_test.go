//go:build unix

package conformance_test

import (
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/inheritable"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	// inherited complains if the descriptors that an exec would pass on, from the first
	// argument on, are not those of the others. A last argument "+" allows for one more.
	selftest.Register("inherited", func(args []string) {
		got, want := inheritedFrom(selftest.Number(args[0])), args[1:]
		if n := len(want); n > 0 && want[n-1] == "+" {
			want = want[:n-1]
			if len(got) > len(want) {
				got = slices.DeleteFunc(got, lone(got, want))
			}
		}
		if !slices.Equal(got, want) {
			childtest.Complain("the child has %v, want %v", got, want)
		}
	})
	// pass has a child without files from 3 on that inherits what this one does: args,
	// at least.
	selftest.Register("pass", func(args []string) {
		here := inheritedFrom(3)
		for _, fd := range args {
			if !slices.Contains(here, fd) {
				childtest.Complain("%s is not among %v", fd, here)
			}
		}
		mustInherit(3, here)
	})
	selftest.Register("half open", func([]string) { openInTwoSteps() })
}

// lone reports whether a number is the first of got that is not in want.
func lone(got, want []string) func(string) bool {
	for _, fd := range got {
		if !slices.Contains(want, fd) {
			return func(number string) bool { return number == fd }
		}
	}
	return func(string) bool { return false }
}

// onMore is an argument for the helper inherited, where a child has a pipe, too.
func onMore() []string {
	if ward.Capabilities().Backend == "fallback" {
		return []string{"+"}
	}
	return nil
}

// mustInherit starts a child that looks at what it inherits. A spawn program has to
// move a file out of the way; package syscall would lose another descriptor by that.
func mustInherit(from int, numbers []string) {
	attr := &ward.Attr{Files: []*os.File{nil, os.Stdout, os.Stderr}, InheritDescriptors: true}
	if ward.Capabilities().Spawn == "fast" {
		attr.Files[2] = os.Stdout
	}
	args := append([]string{strconv.Itoa(from)}, numbers...)
	mustSucceed(attr, "inherited", append(args, onMore()...)...)
}

// mustSucceed is for a helper that starts another one.
func mustSucceed(attr *ward.Attr, helper string, args ...string) {
	h, err := childtest.TryStart(attr, helper, args...)
	if err != nil {
		childtest.Complain("%v", err)
	}
	<-h.Done()
	if state, err := h.TryWait(); err != nil || !state.Success() {
		childtest.Complain("%v, %v", state, err)
	}
}

// TestDescriptorsArePassedOnAtTheirNumbers has a child in the place of a program that
// make has started with its jobserver.
func TestDescriptorsArePassedOnAtTheirNumbers(t *testing.T) {
	r, w := childtest.Pipe(t)
	for _, numbers := range [][]int{{3, 4}, {3}, {3, 4, 5}, {3, 5, 6, 40}, nil} {
		attr := &ward.Attr{Files: []*os.File{nil, w, w}}
		var args []string
		for _, fd := range numbers {
			for len(attr.Files) < fd {
				attr.Files = append(attr.Files, nil)
			}
			attr.Files = append(attr.Files, r)
			args = append(args, strconv.Itoa(fd))
		}
		h := childtest.Start(t, attr, "pass", args...)
		if state := childtest.Wait(t, h); !state.Success() {
			t.Errorf("%v of a child with %v", state, numbers)
		}
	}
}

// passOpen opens descriptors that an exec passes on, at or above the numbers.
func passOpen(t *testing.T, f *os.File, numbers ...int) {
	t.Helper()
	for _, number := range numbers {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD, number)
		if err != nil {
			t.Fatalf("fcntl(F_DUPFD, %d): %v", number, err)
		}
		t.Cleanup(func() { unix.Close(fd) })
	}
}

func TestDescriptorsThatWereOpenedAreInherited(t *testing.T) {
	childtest.NeedBackend(t)
	r, w := childtest.Pipe(t)
	passOpen(t, r, 40, 63, 64, 77, 200)
	// Package syscall takes the numbers behind those of its files (golang/go#61751), and an
	// emulator has one of its own there: these are behind all that is passed on.
	fd, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD, 300)
	if err != nil {
		t.Fatalf("fcntl(F_DUPFD): %v", err)
	}
	unix.CloseOnExec(fd)
	high := os.NewFile(uintptr(fd), "output")
	defer high.Close()
	attr := &ward.Attr{Files: []*os.File{nil, high, os.Stderr}, InheritDescriptors: true}
	args := append([]string{"3"}, inheritedFrom(3)...)
	h := childtest.Start(t, attr, "inherited", append(args, onMore()...)...)
	w.Close()
	high.Close()
	if state := childtest.Wait(t, h); !state.Success() {
		t.Errorf("%v: %s", state, childtest.ReadLine(t, r))
	}
}

// inheritedFrom are the numbers, from the first on, that an exec of this process
// passes on.
func inheritedFrom(first int) (numbers []string) {
	for fd := first; fd < 1024; fd++ {
		if inheritable.Is(fd) {
			numbers = append(numbers, strconv.Itoa(fd))
		}
	}
	return numbers
}

// TestNoChildInheritsADescriptorThatIsHalfOpen counts in a process of its own, whose
// descriptors nobody else opens.
func TestNoChildInheritsADescriptorThatIsHalfOpen(t *testing.T) {
	childtest.Report(t, nil, "half open")
}

// openInTwoSteps opens descriptors and sets their flag in two steps while children
// start that inherit, and must not see one.
func openInTwoSteps() {
	const first = 200
	given := inheritedFrom(first)
	stop := make(chan struct{})
	time.AfterFunc(300*time.Millisecond, func() { close(stop) })
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !isClosed(stop) {
			syscall.ForkLock.RLock()
			fd, err := unix.FcntlInt(1, unix.F_DUPFD, first)
			time.Sleep(100 * time.Microsecond)
			if err == nil {
				unix.CloseOnExec(fd)
			}
			syscall.ForkLock.RUnlock()
			unix.Close(fd)
		}
	}()
	for !isClosed(stop) {
		mustInherit(first, given)
	}
	<-ended
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
