//go:build linux && (amd64 || arm64)

package spawn

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// Works tells what of the package the system refuses, by trying it: clone3 with
// CLONE_CLEAR_SIGHAND (Linux 5.5), or else clone, and close_range with
// CLOSE_RANGE_UNSHARE (5.9), each of which a seccomp filter may forbid.
func Works() error { return works.Err() }

var works = probe.Probe{Try: func() error {
	err := tryClone(0)
	if err == nil || !probe.Final(err) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	clone3Error = err
	withoutClone3.Store(true)
	if tryClone(0) != nil {
		withoutClone3.Store(false)
		return err
	}
	return nil
}}

// Refused reports whether err is a refusal of what Works has found: a filter that came
// later, or an emulation that knows the calls but not all of their arguments. Then Works
// asks again, and the standard library's way is to be tried.
func Refused(err error) bool {
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		return false
	}
	switch failed.Call {
	case "clone", "clone3", "close_range":
	default:
		return false
	}
	switch failed.Errno {
	case unix.ENOSYS, unix.EPERM, unix.EINVAL:
		works.Forget()
		return true
	}
	return false
}

// withoutClone3 is set where clone3 is refused and clone is not, as by Docker's default
// seccomp profile; then clone3Error tells how.
var (
	withoutClone3 atomic.Bool
	clone3Error   error
)

// Clone3 tells what the system refuses of clone3(2) where it allows spawn programs. What
// only that call has are children in a cgroup, and those that the kernel reaps.
func Clone3() error {
	if err := Works(); err != nil || !withoutClone3.Load() {
		return err
	}
	return clone3Error
}

// hearsNoExec reports whether the system is not Linux itself, but gVisor or its like, which
// has calls that are younger than the Linux it claims to be, or lacks a line of /proc that
// Linux has (4.1). There CLONE_CHILD_CLEARTID tells of a child's end, but not of its exec.
// CLONE_VFORK does; only, each start that hangs then has a thread of its own.
var hearsNoExec = sync.OnceValue(func() bool {
	var name unix.Utsname
	var major, minor int
	if unix.Uname(&name) == nil {
		fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
	}
	if major < 5 || major == 5 && minor < 9 {
		return true
	}
	status, err := os.ReadFile("/proc/self/status")
	return err == nil && !bytes.Contains(status, []byte("\nNSpid:"))
})

// tryClone tries a child of clone3, with more flags, that takes its table.
func tryClone(flags uint64) error {
	return try(func(p *program) {
		p.addBranch()
		p.add("waitid", wantAnything, unix.SYS_WAITID, unix.P_ALL, 0, 0, unix.WEXITED|unix.WALL, 0)
		p.addExit()
		p.beginBranched()
		p.branched.flags = flags | unix.CLONE_VFORK | unix.CLONE_VM | unix.CLONE_FILES | unix.CLONE_CLEAR_SIGHAND
		p.unshare(0)
	})
}

// killed returns the error of a trial in which a process was killed. SIGSYS is a
// filter's, which nobody takes off again. Any other signal came by chance: the calls
// may work all the same.
func killed(err error, processes ...*pidfds.Siginfo) error {
	for _, info := range processes {
		status := info.WaitStatus()
		if info.Found() && status.Signaled() && status.Signal() == unix.SIGSYS {
			return err
		}
	}
	return probe.Passing(err)
}

// impossible is a result that no system call has.
const impossible = 1 << 62

// try runs a program that has no effect but what add appends, and says which step
// failed. It runs in a fork made by clone(2): a filter that kills a process for a call
// kills all that share its memory, before Linux 5.17, if the process dumps core. The
// fork raises no SIGCHLD, and only a wait with __WALL sees it.
func try(add func(*program)) error {
	const end = "the end"
	page, err := sharedPage()
	if err != nil {
		return err
	}
	defer unix.Munmap(page)
	report := (*failure)(unsafe.Pointer(unsafe.SliceData(page)))
	p := programs.Get().(*program)
	defer programs.Put(p)
	defer p.reset()
	// The page has room for how the branch ended, if there is one.
	branched := (*pidfds.Siginfo)(unsafe.Add(unsafe.Pointer(report), unsafe.Sizeof(*report)))
	add(p)
	if p.branches {
		p.steps[1].args[2] = uintptr(unsafe.Pointer(branched))
	}
	p.add(end, impossible, unix.SYS_GETPPID)
	p.begin()
	p.shared.report = report
	p.shared.waits = 0
	p.shared.call = cloneCall{number: unix.SYS_CLONE}
	p.branchCall.set(&p.branched)
	pid := clone(p.shared)
	if pid < 0 {
		return &Error{"clone", syscall.Errno(-pid)}
	}
	var fork pidfds.Siginfo
	for pidfds.Waitid(unix.P_PID, pid, &fork, unix.WEXITED|unix.WALL, nil) == unix.EINTR {
	}
	runtime.KeepAlive(p)
	if report.step == 0 {
		second := 1
		if p.branches {
			second = p.other
		}
		err := fmt.Errorf("%s or %s: killed: %w", p.calls[0], p.calls[second], errors.ErrUnsupported)
		return killed(err, &fork, branched)
	}
	if p.call(report.step) == end {
		return nil
	}
	return p.failed(*report)
}
