package childtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

// Nobody is a user whom RLIMIT_NPROC and the permissions of files bind.
const Nobody = 65534

// NeedSpawnPrograms skips a test where the system cannot have spawn programs, as its
// kernel is too old or a filter refuses what they need. Where it can, they must be
// in use.
func NeedSpawnPrograms(t *testing.T) {
	t.Helper()
	switch caps, variable := ward.Capabilities(), Chosen(); {
	case caps.Spawn == "fast":
	case runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64":
		t.Skip("no spawn programs on " + runtime.GOARCH)
	case variable != "":
		t.Skipf("the environment variable %s takes the spawn programs away from this run", variable)
	default:
		refusals := selftest.Refusals()
		if errno := refusals["close_range"]; errno != 0 {
			t.Skipf("no spawn programs: the system refuses close_range (%v)", errno)
		}
		if err := ClonePidfd(); err != nil {
			t.Skipf("no spawn programs: the system refuses CLONE_PIDFD: %v", err)
		}
		t.Fatalf("no spawn programs: %v", caps)
	}
}

// NeedFilter ends a helper that has got err from a seccomp filter, and skips its test if
// the system has none, as qemu-user.
func NeedFilter(err error) {
	if errors.Is(err, unix.ENOSYS) {
		Skip("no seccomp filter: %v", err)
	}
	if err != nil {
		Complain("%v", err)
	}
}

// ClonePidfd tells why package os/exec's child has no pidfd, if the system refuses it.
var ClonePidfd = sync.OnceValue(func() error {
	path, argv, env := selftest.Command("exit", "0")
	fd := -1
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env, SysProcAttr: &syscall.SysProcAttr{PidFD: &fd}}
	err := cmd.Run()
	if fd >= 0 {
		unix.Close(fd)
	}
	if errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
})

// NeedPidfd skips a test of the pidfd that package os/exec's children have, too.
func NeedPidfd(t *testing.T) {
	t.Helper()
	if err := ClonePidfd(); err != nil {
		t.Skipf("the system refuses CLONE_PIDFD: %v", err)
	}
}

// NeedSys skips a test of children with these attributes where package os/exec cannot
// have them either.
func NeedSys(t *testing.T, sys syscall.SysProcAttr) {
	t.Helper()
	runtime.LockOSThread() // which traces
	defer runtime.UnlockOSThread()
	path, argv, env := selftest.Command("exit", "0")
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env, SysProcAttr: &sys}
	switch err := cmd.Start(); {
	case err == nil:
		cmd.Process.Kill()
		cmd.Wait()
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
		t.Skipf("the system has no such children: %v", err)
	default:
		t.Fatal(err)
	}
}

// NeedPtrace skips a test where there is no ptrace(2).
func NeedPtrace(t *testing.T) {
	t.Helper()
	NeedSys(t, syscall.SysProcAttr{Ptrace: true})
}

// NeedSubreaper skips a test where a program cannot be a subreaper.
func NeedSubreaper(t *testing.T) {
	t.Helper()
	var on int32
	err := unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&on)), 0, 0, 0)
	if err == unix.EINVAL {
		t.Skipf("no subreapers: prctl(PR_GET_CHILD_SUBREAPER): %v", err)
	}
}

// WaitGone fails the test if a process runs for long. A zombie does not.
func WaitGone(t *testing.T, pid int, what string) {
	t.Helper()
	for range 500 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s, %d, still runs", what, pid)
}

// Tiny returns the path of a program that is in memory only, or, where there is no
// /proc to name that by, in a file that stays.
func Tiny(image []byte) (path string, err error) {
	if image == nil {
		return "", fmt.Errorf("no tiny program for %s", runtime.GOARCH)
	}
	if selftest.LacksProc() {
		return tinyFile(image)
	}
	fd, err := unix.MemfdCreate("tiny", unix.MFD_CLOEXEC)
	if err != nil {
		return "", os.NewSyscallError("memfd_create", err)
	}
	if _, err := unix.Write(fd, image); err != nil {
		return "", os.NewSyscallError("write", err)
	}
	// Open for writing it cannot be executed: open it again.
	read, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", os.NewSyscallError("open", err)
	}
	unix.Close(fd)
	self, err := os.Readlink("/proc/self") // not Getpid: /proc may be of an outer pid namespace
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/proc/%s/fd/%d", self, read), nil
}

func tinyFile(image []byte) (path string, err error) {
	f, err := os.CreateTemp("", "tiny")
	if err != nil {
		return "", err
	}
	if _, err := f.Write(image); err != nil {
		return "", err
	}
	if err := f.Chmod(0o755); err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// IdleThreads makes the Go runtime start threads, which it keeps: later it
// could not, and would abort. LockOSThread has it start one of its own.
func IdleThreads(n int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { unix.Nanosleep(&unix.Timespec{Nsec: 20e6}, nil) })
	}
	wg.Wait()
}

// ParentOf returns the parent's pid of a process that exists, else 0.
func ParentOf(pid int) int {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(fields[1])
	return parent
}
