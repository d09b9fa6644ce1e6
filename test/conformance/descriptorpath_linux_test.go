package conformance_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

func init() {
	// lacks complains if a descriptor is open.
	selftest.Register("lacks", func(args []string) {
		fd := uintptr(selftest.Number(args[0]))
		if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err != unix.EBADF {
			childtest.Complain("descriptor %s: %v; want EBADF", args[0], err)
		}
	})
}

// openAs opens a file or a folder as a descriptor with the lowest free number from
// number on. It ends with the test.
func openAs(t *testing.T, path string, number int) *os.File {
	t.Helper()
	low, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(low)
	fd, err := unix.FcntlInt(uintptr(low), unix.F_DUPFD_CLOEXEC, number)
	if err != nil {
		t.Skipf("no descriptor %d: %v", number, err)
	}
	f := os.NewFile(uintptr(fd), path)
	t.Cleanup(func() { f.Close() })
	return f
}

// needProgramsByDescriptor skips a test where package os/exec cannot run a program that a
// descriptor names either: an emulator may look for it after the exec has closed it.
func needProgramsByDescriptor(t *testing.T, program string) {
	t.Helper()
	selftest.NeedProc(t)
	childtest.NeedBackend(t)
	// A start with Credential before may have taken /proc/PID/fd from the program.
	unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	path := fmt.Sprintf("/proc/self/fd/%d", openAs(t, program, 100).Fd())
	cmd := &exec.Cmd{Path: path, Args: []string{"program", "\x05"}}
	if cmd.Run(); cmd.ProcessState.ExitCode() != 5 {
		t.Skipf("the system does not run a program that a descriptor names, but %v", cmd.ProcessState)
	}
}

// mustExit5 runs a program of tinyprog.Exit.
func mustExit5(t *testing.T, path string, attr *ward.Attr) {
	t.Helper()
	h, err := childtest.StartProgram(path, []string{"program", "\x05"}, attr)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	if state := childtest.Wait(t, h); state.ExitCode() != 5 {
		t.Errorf("%s: %v, want exit status 5", path, state)
	}
}

// The numbers are those that something in the way of a start may have use for.
func TestProgramThatADescriptorNames(t *testing.T) {
	program := writeProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
	needProgramsByDescriptor(t, program)
	for _, number := range []int{3, 63, 64, 200} {
		fd := int(openAs(t, program, number).Fd())
		for _, form := range []string{
			"/proc/self/fd/%d", "/proc/thread-self/fd/%d", "/proc//self/./fd/%d", "/dev/fd/%d",
		} {
			path := fmt.Sprintf(form, fd)
			if _, err := os.Stat(path); err != nil {
				t.Logf("the system has no such path: %v", err)
				continue
			}
			mustExit5(t, path, nil)
			mustExit5(t, path, &ward.Attr{Files: []*os.File{nil, nil, os.Stderr}})
			mustExit5(t, path, &ward.Attr{Files: make([]*os.File, fd)})
		}
		if self, err := os.Readlink("/proc/self"); err == nil {
			mustExit5(t, fmt.Sprintf("/proc/%s/fd/%d", self, fd), nil)
		}
	}
}

// TestProgramThatADescriptorNamesNextToTheFiles has the program where a child looks
// for a place to put a file aside.
func TestProgramThatADescriptorNamesNextToTheFiles(t *testing.T) {
	program := writeProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH))
	needProgramsByDescriptor(t, program)
	for _, number := range []int{20, 300} {
		file := openAs(t, os.TempDir(), number)
		next := int(file.Fd()) + 1
		fd := int(openAs(t, program, next).Fd())
		if fd != next {
			t.Fatalf("descriptor %d is taken", next)
		}
		files := []*os.File{nil, nil, file, os.Stderr}
		mustExit5(t, fmt.Sprintf("/proc/self/fd/%d", fd), &ward.Attr{Files: files})
	}
}

// TestProgramThatIsOneOfTheFiles has the number mean the child's file, as with
// os.StartProcess.
func TestProgramThatIsOneOfTheFiles(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedBackend(t)
	program, err := os.Open(writeProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH)))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	mustExit5(t, "/proc/self/fd/3", &ward.Attr{Files: []*os.File{nil, nil, os.Stderr, program}})
}

func TestDirectoryThatADescriptorNames(t *testing.T) {
	dir := t.TempDir()
	needProgramsByDescriptor(t, writeProgram(t, dir, tinyprog.Exit(runtime.GOARCH)))
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, number := range []int{3, 64, 200} {
		fd := int(openAs(t, dir, number).Fd())
		path := fmt.Sprintf("/proc/self/fd/%d", fd)
		taken := make([]*os.File, fd+1)
		taken[fd] = os.Stderr
		mustExit5(t, path+"/program", nil)
		mustExit5(t, "./program", &ward.Attr{Dir: path})
		mustExit5(t, "./program", &ward.Attr{Dir: path, Files: taken})
		mustExit5(t, "../program", &ward.Attr{Dir: path + "/sub"})
		attr := &ward.Attr{Dir: "/", Sys: &syscall.SysProcAttr{Chroot: path}}
		h, err := childtest.StartProgram("/program", []string{"program", "\x05"}, attr)
		switch {
		case errors.Is(err, syscall.EPERM):
			t.Logf("this user may not chroot: %v", err)
		case err != nil:
			t.Errorf("Chroot %s: %v", path, err)
		default:
			if state := childtest.Wait(t, h); state.ExitCode() != 5 {
				t.Error(state)
			}
		}
	}
}

func TestDescriptorOfTheProgramIsNotTheChilds(t *testing.T) {
	needProgramsByDescriptor(t, writeProgram(t, t.TempDir(), tinyprog.Exit(runtime.GOARCH)))
	self, argv, env := selftest.Command("lacks", "200")
	if fd := openAs(t, self, 200).Fd(); fd != 200 {
		t.Fatal("descriptor 200 is taken")
	}
	attr := &ward.Attr{Env: env, Files: []*os.File{nil, os.Stderr, os.Stderr}}
	h, err := childtest.StartProgram("/proc/self/fd/200", argv, attr)
	if err != nil {
		t.Fatal(err)
	}
	if state := childtest.Wait(t, h); !state.Success() {
		t.Error(state)
	}
}
