//go:build linux

package main

import (
	"io"
	"os"
	"syscall"
	"time"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

// environ is all that a test binary gets: there is no program and no file that
// more of it could lead to.
var environ = []string{"HOME=/", "PATH=/bin", "TMPDIR=/tmp"}

// run executes a test binary to its end, ends what it left behind, and returns
// the Exit record without the index.
//
// The output goes through a pipe, as under go test: a test must not find the
// console among its files.
func run(r plan.Run) plan.Record {
	exit := plan.Record{Event: plan.Exit, Code: 125}
	out, in, err := os.Pipe()
	if err != nil {
		exit.Error = err.Error()
		return exit
	}
	defer out.Close()

	began := time.Now()
	pid, err := start(r, in)
	in.Close()
	if err != nil {
		exit.Error = err.Error()
		return exit
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(os.Stdout, out)
	}()

	exit.Code = exitCode(reapUntil(pid))
	exit.Seconds = time.Since(began).Seconds()
	exit.Left = sweep()
	<-copied // at end of file, since sweep killed all who held the pipe
	return exit
}

// start uses syscall.ForkExec and not package os, because all waiting here is
// done by reapUntil.
func start(r plan.Run, output *os.File) (int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer null.Close()

	path := r.Binary
	argv := append([]string{path}, r.Args...)
	// A session of its own, as each service has: in the session of the machine's
	// PID 1 an orphan that ends has the kernel send SIGHUP to its whole group, if
	// a process in that is stopped, and inside a pid namespace it has no number.
	sys := &syscall.SysProcAttr{Setsid: true}
	if r.Mode == plan.PID1 {
		path = "/proc/self/exe"
		argv = append([]string{namespaceInit}, argv...)
		sys.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
	}
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   environ,
		Files: []uintptr{null.Fd(), output.Fd(), output.Fd()},
		Sys:   sys,
	})
	return pid, os.NewSyscallError("fork/exec "+r.Binary, err)
}

// exitCode counts a death by signal as a shell does.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// namespaceInit is the program name under which this binary is started as
// PID 1 of a new pid namespace.
const namespaceInit = "ward-vm-namespace"

// enterNamespace gives a new pid and mount namespace its own /proc and turns
// into the test binary, which thereby is PID 1. It returns only an error.
func enterNamespace(argv []string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount / private", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return os.NewSyscallError("mount /proc", err)
	}
	return os.NewSyscallError("execve "+argv[0], syscall.Exec(argv[0], argv, os.Environ()))
}
