//go:build unix

package wardunix_test

import (
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/wardunix"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	selftest.Main(m, func() string { return ward.Capabilities().String() })
}

func TestWait4HasTheStatusAndTheUsage(t *testing.T) {
	childtest.NeedBackend(t)
	pid := startStranger(t)
	var status unix.WaitStatus
	var usage unix.Rusage
	got, err := wardunix.Wait4(pid, &status, 0, &usage)
	if got != pid || err != nil || status.ExitStatus() != 7 {
		t.Errorf("Wait4 of process %d = %d, %v; status %d", pid, got, err, status.ExitStatus())
	}
	if usage.Utime.Nano()+usage.Stime.Nano() <= 0 || usage.Maxrss <= 0 {
		t.Errorf("usage is %+v", usage)
	}
	if _, err := wardunix.Wait4(pid, nil, 0, nil); err != unix.ECHILD {
		t.Errorf("Wait4 again: %v", err)
	}
}

func startStranger(t *testing.T) (pid int) {
	t.Helper()
	path, argv, env := selftest.Command("exit", "7")
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
