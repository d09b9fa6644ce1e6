//go:build !plan9

package exec_test

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/wardproc/ward/exec"
)

func TestProcessStateHasTheSystemsTypes(t *testing.T) {
	cmd := command(t, "exit", "5")
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("Run: %v", err)
	}
	if status := exit.Sys().(syscall.WaitStatus); status.ExitStatus() != 5 {
		t.Errorf("WaitStatus %v", status)
	}
	if exit.SysUsage().(*syscall.Rusage) == nil {
		t.Error("no Rusage")
	}
}

func TestSignalHasThePlainErrorsOfPackageOS(t *testing.T) {
	cmd, _ := held(t)
	if err := cmd.Process.Signal(nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Signal(nil): %v", err)
	}
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no numbers of signals")
	}
	self, err := os.FindProcess(os.Getpid())
	check(t, err)
	defer self.Release()
	want := self.Signal(syscall.Signal(200))
	if err := cmd.Process.Signal(syscall.Signal(200)); err != want {
		t.Errorf("Signal(200): %v, in package os %v", err, want)
	}
}
