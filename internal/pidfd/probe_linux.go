package pidfd

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

// notOpen is a descriptor that is not open: their numbers do not get so high.
// A kernel that knows a call gets as far as the descriptor, and answers EBADF.
const notOpen = 1<<31 - 1

// Works tells what the system refuses of Wait and Signal. It opens no
// descriptor: the answer must not depend on how many are left.
func Works() error { return works.Err() }

var works = probe.Probe{Try: func() error {
	if runtime.GOOS == "android" {
		// Before Android 12 these calls raise SIGSYS instead of failing.
		return fmt.Errorf("pidfd on android: %w", errors.ErrUnsupported)
	}
	if err := Wait(notOpen, nil, unix.WEXITED|unix.WNOHANG, nil); err != unix.EBADF {
		return os.NewSyscallError("waitid(P_PIDFD)", err)
	}
	if err := Signal(notOpen, 0); err != unix.EBADF {
		return os.NewSyscallError("pidfd_send_signal", err)
	}
	return clonePidfd()
}}

// clonePidfd tells whether the standard library's start can have a pidfd, where it is not
// sure to: in qemu-user before 10, which has no clone3 and no seccomp. Where there is
// seccomp, a filter might kill for the clone3.
func clonePidfd() error {
	if _, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != unix.EINVAL {
		return nil
	}
	if _, _, err := unix.Syscall(unix.SYS_CLONE3, 0, 0, 0); err != unix.ENOSYS {
		return nil
	}
	_, fd, err := StartTiny(tinyprog.Exit(runtime.GOARCH))
	switch err {
	case unix.EINVAL:
		return fmt.Errorf("clone(CLONE_PIDFD): %w (%w)", err, errors.ErrUnsupported)
	case nil:
		for Wait(fd, nil, unix.WEXITED, nil) == unix.EINTR {
		}
		unix.Close(fd)
	}
	return nil
}

// Opens tells what the system refuses of pidfd_open(2), Linux 5.3, besides what
// Works says.
func Opens() error { return opens.Err() }

var opens = probe.Probe{Try: func() error {
	if _, err := unix.PidfdOpen(-1, 0); err != unix.EINVAL {
		return os.NewSyscallError("pidfd_open", err)
	}
	return Works()
}}

// SignalsGroups tells what the system refuses of SignalGroup.
func SignalsGroups() error { return signalsGroups.Err() }

var signalsGroups = probe.Probe{Try: func() error {
	if err := SignalGroup(notOpen, 0); err != unix.EBADF {
		return os.NewSyscallError("pidfd_send_signal(PIDFD_SIGNAL_PROCESS_GROUP)", err)
	}
	// gVisor knows the flag, and does something else. What it does not know is pidfs,
	// which is of the same age.
	own, err := unix.PidfdOpen(os.Getpid(), 0)
	switch {
	case probe.Refused(err): // by a filter, that says nothing of groups
		return nil
	case err != nil:
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(own)
	var none error
	if unix.Getpgrp() != os.Getpid() {
		none = unix.ESRCH
	}
	if err := SignalGroup(own, 0); err != none || !inPidfs(own) {
		return fmt.Errorf("pidfd_send_signal(PIDFD_SIGNAL_PROCESS_GROUP) finds no group: %w", errors.ErrUnsupported)
	}
	return nil
}}

// Recovers tells what the system refuses of ExitStatus. Nothing but a process
// that is gone can show it (supported_mask moved between 7.0 and 7.1), so a
// thread of our own ends for it.
func Recovers() error { return recovers.Err() }

var recovers = probe.Probe{Try: func() error {
	fd, gone, err := exitedThread()
	if err != nil && err != unix.EINVAL { // which says that PIDFD_THREAD is not known
		// A filter may refuse pidfd_open and nothing of what a child needs.
		fd, gone, err = exitedChild()
	}
	if err != nil {
		return os.NewSyscallError("pidfd_open(PIDFD_THREAD)", err)
	}
	defer unix.Close(fd)
	return tellsStatus(fd, gone)
}}

// tellsStatus tells whether ExitStatus knows that of a process or thread. gone says
// whether that has been released for sure, or else may keep the status for itself yet.
func tellsStatus(fd int, gone bool) error {
	switch _, ok, err := ExitStatus(fd); {
	case err != nil || ok:
		return err
	case !gone:
		return errors.New("ioctl(PIDFD_GET_INFO): the process tried has not ended in time")
	}
	return fmt.Errorf("PIDFD_INFO_EXIT is not known: %w", errors.ErrUnsupported)
}

// exitedThread returns a pidfd of a thread that is gone. Requires Linux 6.9,
// which had PIDFD_THREAD first and is older than PIDFD_INFO_EXIT. A program that is
// stopped meanwhile, or traced, may have the thread still there.
func exitedThread() (fd int, gone bool, err error) {
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		runtime.LockOSThread() // and never unlock it: the thread ends
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends. Hold it while another one is tried.
			defer runtime.UnlockOSThread()
			fd, gone, err = exitedThread()
			return
		}
		fd, err = unix.PidfdOpen(unix.Gettid(), unix.PIDFD_THREAD)
	}()
	<-opened
	if err != nil {
		return -1, false, err
	}
	return fd, gone || HungUpWithin(fd, 1000), nil
}

// exitedChild returns the pidfd of a child that is gone and reaped. It comes
// about in the standard library's way, which clone(2) is enough for. Another one who
// takes it may not be done yet: that takes microseconds.
func exitedChild() (fd int, gone bool, err error) {
	_, fd, err = StartTiny(tinyprog.Exit(runtime.GOARCH))
	if err != nil {
		return -1, false, err
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = Wait(fd, nil, unix.WEXITED, nil)
	}
	return fd, err == nil || HungUpWithin(fd, 10), nil
}

// StartTiny has package syscall start a program of package tinyprog, from memory, with
// these files.
func StartTiny(text []byte, files ...uintptr) (pid, fd int, err error) {
	program, err := memoryFile(text)
	if err != nil {
		return 0, -1, err
	}
	defer unix.Close(program)
	path := fmt.Sprintf("/proc/self/fd/%d", program)
	pid, _, err = syscall.StartProcess(path, []string{"tiny"}, &syscall.ProcAttr{
		Files: files,
		Sys:   &syscall.SysProcAttr{PidFD: &fd},
	})
	if err != nil {
		return 0, -1, err
	}
	return pid, fd, nil
}

// memoryFile returns a descriptor of a file in memory, which can be executed as
// it is not open for writing.
func memoryFile(text []byte) (int, error) {
	if text == nil {
		return -1, errors.ErrUnsupported
	}
	// vm.memfd_noexec (Linux 6.3) may want it said that it is executed.
	fd, err := unix.MemfdCreate("ward", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate("ward", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, text); err != nil {
		return -1, os.NewSyscallError("write", err)
	}
	read, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return read, os.NewSyscallError("open", err)
}
