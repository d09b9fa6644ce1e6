package selftest

import (
	"os"
	"path/filepath"
	"strings"
)

// descriptors returns the open descriptors, each with what it refers to.
func descriptors() []string {
	const dir = "/proc/self/fd"
	names, err := os.ReadDir(dir)
	if err != nil {
		return numbers()
	}
	var open []string
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(dir, name.Name()))
		if err != nil {
			continue // the one that read the directory
		}
		open = append(open, name.Name()+" "+target)
	}
	return open
}

// explain tells whose each pidfd is: -1 stands for a process that has been reaped.
func explain(descriptors []string) (explained []string) {
	for _, d := range descriptors {
		fd, _, _ := strings.Cut(d, " ")
		info, _ := os.ReadFile("/proc/self/fdinfo/" + fd)
		if _, pid, ok := strings.Cut(string(info), "\nPid:\t"); ok {
			pid, _, _ = strings.Cut(pid, "\n")
			stat, _ := os.ReadFile("/proc/" + pid + "/stat")
			d += " of process " + pid + " " + string(stat)
		}
		explained = append(explained, d)
	}
	return explained
}
