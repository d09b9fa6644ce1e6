package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
)

// usage is what this process takes from the system.
type usage struct{ threads, rss float64 }

// readUsage reads /proc/self/status and says whether that worked.
func readUsage() (u usage, known bool) {
	threads, err1 := procField("/proc/self/status", "Threads")
	rss, err2 := procField("/proc/self/status", "VmRSS")
	return usage{float64(threads), float64(rss)}, err1 == nil && err2 == nil
}

// availableMemory is how many bytes this process can take without swapping.
func availableMemory() (int64, error) {
	free, err := procField("/proc/meminfo", "MemAvailable")
	if err != nil {
		return 0, err
	}
	bound, err1 := readInt(cgroupFile("memory.max"))
	used, err2 := readInt(cgroupFile("memory.current"))
	if errors.Join(err1, err2) == nil {
		free = min(free, int64(bound-used))
	}
	return free, nil
}

// procField reads the number behind "name:" in a file of proc(5), in bytes if
// it is in kB.
func procField(path, name string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), name+":")
		if !ok {
			continue
		}
		var n int64
		var unit string
		if fields, err := fmt.Sscan(value, &n, &unit); fields == 0 {
			return 0, fmt.Errorf("%s: %s: %w", path, name, err)
		}
		if unit == "kB" {
			n <<= 10
		}
		return n, nil
	}
	return 0, errors.Join(fmt.Errorf("%s: no %s", path, name), lines.Err())
}
