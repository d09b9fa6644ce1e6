package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// processLimits counts two tasks for each child: os/exec holds a thread for it.
func processLimits() []limit {
	const spare = 200
	var limits []limit
	for _, bound := range taskBounds() {
		room := (bound.n - runningTasks() - spare) / 2
		limits = append(limits, limit{room, fmt.Sprintf("%s allows, which is %s", bound.cause, thousands(bound.n))})
	}
	return limits
}

// taskBounds are the bounds on processes and threads together. One that cannot
// be read, or has no number, is none.
func taskBounds() []limit {
	var bounds []limit
	for _, name := range []string{"pid_max", "threads-max"} {
		if n, err := readInt(filepath.Join("/proc/sys/kernel", name)); err == nil {
			bounds = append(bounds, limit{n, "kernel." + name})
		}
	}
	if n, err := readInt(cgroupFile("pids.max")); err == nil {
		bounds = append(bounds, limit{n, "pids.max of the cgroup"})
	}
	var rlimit unix.Rlimit
	// Root is exempt from RLIMIT_NPROC.
	if os.Geteuid() != 0 && unix.Getrlimit(unix.RLIMIT_NPROC, &rlimit) == nil {
		bounds = append(bounds, limit{int(min(rlimit.Cur, 1<<30)), "RLIMIT_NPROC"})
	}
	return bounds
}

// runningTasks is how many tasks the system has, from the fourth field of
// /proc/loadavg, "1/82".
func runningTasks() int {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 4 {
		return 0
	}
	_, total, _ := strings.Cut(fields[3], "/")
	n, err := strconv.Atoi(total)
	if err != nil {
		return 0
	}
	return n
}

// cgroupFile returns the path of a file of this process's cgroup, version 2.
func cgroupFile(name string) string {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return filepath.Join("/sys/fs/cgroup", path, name)
		}
	}
	return ""
}

func readInt(path string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}
