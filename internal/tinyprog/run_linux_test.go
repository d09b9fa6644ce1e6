package tinyprog

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// emulators of package qemu-user-static, where they are installed.
var emulators = map[string]string{
	"amd64": "qemu-x86_64-static", "386": "qemu-i386-static", "arm64": "qemu-aarch64-static",
	"arm": "qemu-arm-static", "riscv64": "qemu-riscv64-static", "s390x": "qemu-s390x-static",
	"ppc64le": "qemu-ppc64le-static",
}

// command is a run of a program, by the machine itself or an emulator.
func command(t *testing.T, arch string, program []byte, args ...string) *exec.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if arch == runtime.GOARCH {
		return exec.Command(path, args...)
	}
	emulator, err := exec.LookPath(emulators[arch])
	if err != nil {
		t.Skipf("the machine is %s, and %s is not installed", runtime.GOARCH, emulators[arch])
	}
	return exec.Command(emulator, append([]string{path}, args...)...)
}

func TestProgramsDoWhatTheySay(t *testing.T) {
	for arch := range codes {
		t.Run(arch, func(t *testing.T) {
			t.Run("exit", func(t *testing.T) {
				mustExit(t, command(t, arch, Exit(arch)), 0)
				mustExit(t, command(t, arch, Exit(arch), "\xc8"), 200)
			})
			t.Run("hold", func(t *testing.T) { holdOn(t, command(t, arch, Hold(arch))) })
			t.Run("hold a directory", func(t *testing.T) {
				cmd := command(t, arch, Hold(arch))
				dir, err := os.Open("/")
				if err != nil {
					t.Fatal(err)
				}
				defer dir.Close()
				cmd.Stdin = dir // which nobody can read
				mustExit(t, cmd, 0)
			})
			t.Run("pause", func(t *testing.T) { pauseOn(t, command(t, arch, Pause(arch))) })
			t.Run("nap", func(t *testing.T) { napOn(t, codes[arch], command(t, arch, Nap(arch))) })
		})
	}
}

func mustExit(t *testing.T, cmd *exec.Cmd, want int) {
	t.Helper()
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) || cmd.ProcessState.ExitCode() != want {
		t.Errorf("%v, want exit code %d", err, want)
	}
}

func holdOn(t *testing.T, cmd *exec.Cmd) {
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := in.Write([]byte("ab")); err != nil {
			t.Error(err)
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func pauseOn(t *testing.T, cmd *exec.Cmd) {
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGTERM {
		t.Errorf("status %#x, want SIGTERM", status)
	}
}

func napOn(t *testing.T, c code, cmd *exec.Cmd) {
	before := time.Now()
	out, err := cmd.Output()
	if err != nil || len(out) != 16 {
		t.Fatalf("%q, %v; want 16 bytes", out, err)
	}
	if d := time.Since(before); d < time.Millisecond {
		t.Errorf("it took %v", d)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if c.order != nil {
		order = c.order
	}
	seconds, nanoseconds := order.Uint64(out), order.Uint64(out[8:])
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	if age := int64(now.Sec) - int64(seconds); age < 0 || age > 60 || nanoseconds >= 1e9 {
		t.Errorf("CLOCK_MONOTONIC is %d.%09d, and now %d", seconds, nanoseconds, now.Sec)
	}
}
