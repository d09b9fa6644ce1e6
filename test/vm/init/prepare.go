//go:build linux

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// prepare makes of a bare kernel what a test may expect of a Linux system.
func prepare() error {
	if _, err := unix.Setsid(); err != nil { // the kernel leaves PID 1 in session 0
		return os.NewSyscallError("setsid", err)
	}
	for _, step := range []func() error{mountAll, raiseLimits, loopbackUp} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// mounts in the order they are made; the folders of the first level are in the
// initramfs.
var mounts = []struct{ kind, at, options string }{
	{"proc", "/proc", ""},
	{"sysfs", "/sys", ""},
	{"devtmpfs", "/dev", ""},
	{"devpts", "/dev/pts", "ptmxmode=0666"},
	{"tmpfs", "/dev/shm", "mode=1777"},
	{"tmpfs", "/tmp", "mode=1777"},
	{"cgroup2", "/sys/fs/cgroup", ""},
}

func mountAll() error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.kind, m.at, err)
		}
	}
	return nil
}

// raiseLimits allows what a distribution would: the soft limit of open files
// that systemd gives a service, a hard limit to grow into, and as many
// processes as pid numbers. The kernel's own thread limit follows the memory
// and is some thousand in a small machine.
func raiseLimits() error {
	most, err := readSysctl("fs/nr_open")
	if err != nil {
		return err
	}
	files := unix.Rlimit{Cur: 1024, Max: min(most, 1<<20)}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	pids, err := readSysctl("kernel/pid_max")
	if err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/kernel/threads-max", strconv.AppendUint(nil, pids, 10), 0)
}

func readSysctl(name string) (uint64, error) {
	b, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}

func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(s)

	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("ioctl SIOCSIFFLAGS", unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo))
}
