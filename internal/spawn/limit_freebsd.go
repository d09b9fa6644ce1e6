//go:build amd64 || arm64

package spawn

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// childLimit returns the RLIMIT_NOFILE of a child that package syscall starts. It
// is stopped at its exec.
func childLimit() (limit unix.Rlimit, err error) {
	if err := debuggable(); err != nil {
		return limit, err
	}
	self, err := os.Executable()
	if err != nil {
		return limit, err
	}
	pid, _, err := syscall.StartProcess(self, []string{"ward-limit"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return limit, err
	}
	defer endStopped(pid)
	raw, err := unix.SysctlRaw("kern.proc.rlimit", pid, unix.RLIMIT_NOFILE)
	if err != nil {
		return limit, os.NewSyscallError("sysctl(kern.proc.rlimit)", err)
	}
	if len(raw) != int(unsafe.Sizeof(limit)) {
		return limit, fmt.Errorf("sysctl(kern.proc.rlimit): %d bytes", len(raw))
	}
	return *(*unix.Rlimit)(unsafe.Pointer(&raw[0])), nil
}

// debuggable tells why a traced child could neither be looked at nor be ended:
// security(7), and p_candebug in sys/kern/kern_prot.c, which lets it ask to be traced
// all the same.
func debuggable() error {
	const name = "security.bsd.unprivileged_proc_debug"
	if allowed, err := unix.SysctlUint32(name); err == nil && allowed == 0 && unix.Geteuid() != 0 {
		return fmt.Errorf("%s is 0: %w", name, unix.EPERM)
	}
	return nil
}

// endStopped kills a traced child: ptrace(2). SIGKILL has no effect on a stopped
// one, and PT_CONTINUE gives EBUSY on one that is about to stop.
func endStopped(pid int) {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if err := ptraceContinue(pid, unix.SIGKILL); err != unix.EBUSY {
			break
		}
	}
	unix.Kill(pid, unix.SIGKILL)
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err != unix.EINTR && (err != nil || !status.Stopped()) {
			return
		}
	}
}

// ptraceContinue wraps ptrace(PT_CONTINUE) from where the process has stopped.
func ptraceContinue(pid int, signal syscall.Signal) error {
	const samePlace = 1
	_, _, errno := syscall.Syscall6(unix.SYS_PTRACE, unix.PT_CONTINUE, uintptr(pid), samePlace, uintptr(signal), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
