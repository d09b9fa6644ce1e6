// Package pidfd wraps the system calls for a pidfd, a descriptor that refers to
// a process and not to its number: see pidfd_open(2). It knows nothing of
// handles, and closes no descriptor that it is given but by Descriptor.Close.
package pidfd

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Siginfo is what waitid(2) writes: the head of siginfo_t and, of its union,
// the part for SIGCHLD, which is aligned as a pointer.
type Siginfo struct {
	signo  int32
	errno  int32
	code   int32
	_      [unsafe.Sizeof(uintptr(0)) / 8 * 4]byte
	pid    int32
	uid    uint32
	status int32
	_      [128 - 16 - 12]byte
}

// The values of si_code: see waitid(2).
const (
	childExited    = 1 // CLD_EXITED
	childDumped    = 3
	childTrapped   = 4
	childStopped   = 5
	childContinued = 6
)

// Found reports whether waitid has found anything. With WNOHANG it need not.
func (i *Siginfo) Found() bool { return i.signo != 0 }

// Exited reports whether waitid has found an exit, and not a stop.
func (i *Siginfo) Exited() bool { return i.Found() && i.waitCode() <= childDumped }

// PID returns the number of the child that waitid has found.
func (i *Siginfo) PID() int { return int(i.pid) }

// WaitStatus returns the status in the form of wait4(2).
func (i *Siginfo) WaitStatus() syscall.WaitStatus {
	switch i.waitCode() {
	case childExited:
		return syscall.WaitStatus(i.status << 8)
	case childDumped:
		return syscall.WaitStatus(i.status | 0x80)
	case childTrapped, childStopped:
		return syscall.WaitStatus(i.status<<8 | 0x7f)
	case childContinued:
		return 0xffff
	}
	return syscall.WaitStatus(i.status)
}

// waitCode is si_code, which on MIPS comes before si_errno.
func (i *Siginfo) waitCode() int32 {
	switch runtime.GOARCH {
	case "mips", "mipsle", "mips64", "mips64le":
		return i.errno
	}
	return i.code
}

// Waitid wraps waitid(2) with the kernel's fifth argument, the resource usage
// that the C library's waitid hides.
func Waitid(idType, id int, info *Siginfo, options int, usage *syscall.Rusage) error {
	return unix.Waitid(idType, id, (*unix.Siginfo)(unsafe.Pointer(info)), options, (*unix.Rusage)(unsafe.Pointer(usage)))
}

// Wait wraps waitid(2) with P_PIDFD. Requires Linux 5.4.
func Wait(fd int, info *Siginfo, options int, usage *syscall.Rusage) error {
	err := Waitid(unix.P_PIDFD, fd, info, options, usage)
	if err == unix.ESRCH {
		return unix.ECHILD // as gVisor says it of a process that has been reaped
	}
	return err
}

// ExitStatus reads the status of a process that has been reaped, by whomever:
// PIDFD_GET_INFO with PIDFD_INFO_EXIT. It reports false before the reap is
// complete. Requires Linux 6.15.
func ExitStatus(fd int) (status syscall.WaitStatus, reaped bool, err error) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	err = unix.IoctlPidfdInfo(fd, &info)
	if err == unix.ESRCH {
		// The reap was completed in the middle of the call: it looks for the
		// status before it looks for the process.
		info = unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
		err = unix.IoctlPidfdInfo(fd, &info)
	}
	if err != nil {
		return 0, false, os.NewSyscallError("ioctl(PIDFD_GET_INFO)", err)
	}
	return syscall.WaitStatus(info.Exit_code), info.Mask&unix.PIDFD_INFO_EXIT != 0, nil
}

// ExitedWithin reports whether the process has exited, or does within so many
// milliseconds; -1 stands for any time.
func ExitedWithin(fd, milliseconds int) bool {
	return poll(fd, unix.POLLIN, milliseconds)&unix.POLLIN != 0
}

// HungUpWithin reports whether the process has been reaped, or is within so many
// milliseconds; -1 stands for any time. Linux before 6.9 never says so.
func HungUpWithin(fd, milliseconds int) bool {
	return poll(fd, 0, milliseconds)&unix.POLLHUP != 0
}

// poll wraps poll(2) for one descriptor.
func poll(fd int, events int16, milliseconds int) int16 {
	fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		if _, err := unix.Poll(fds, milliseconds); err != unix.EINTR {
			return fds[0].Revents
		}
	}
}

// Signal wraps pidfd_send_signal(2). It returns ESRCH once the process has been
// reaped. Requires Linux 5.1.
func Signal(fd int, sig syscall.Signal) error {
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// SignalGroup signals the process group that the process leads, or led until it
// was reaped: PIDFD_SIGNAL_PROCESS_GROUP. It returns ESRCH if the group has no
// member. Requires Linux 6.9.
func SignalGroup(fd int, sig syscall.Signal) error {
	return unix.PidfdSendSignal(fd, sig, nil, unix.PIDFD_SIGNAL_PROCESS_GROUP)
}
