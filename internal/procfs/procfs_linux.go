// Package procfs reads what /proc tells of this program, its children and its
// descriptors: see proc(5).
package procfs

import (
	"bytes"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Descriptors returns the numbers of the open descriptors: all there may be,
// where /proc does not tell.
func Descriptors() (iter.Seq[int], error) {
	fds, err := numbersIn("/proc/self/fd")
	if err == nil {
		return slices.Values(fds), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, os.NewSyscallError("getrlimit", err)
	}
	return upTo(int(limit.Cur)), nil
}

// ListsChildren reports whether Children need not try all numbers.
func ListsChildren() bool {
	_, err := os.Stat("/proc/self/status")
	return err == nil
}

// Children returns the numbers of this program's children and, where /proc does
// not tell, of all else. A 0 stands for one that has no number here.
func Children() iter.Seq[int] {
	depth := len(numbersOf("self"))
	children, err := childrenOfThreads("/proc/self/task")
	if err != nil {
		children, err = numbersIn("/proc")
	}
	if err != nil || depth == 0 {
		return existing(upTo(pidMax()))
	}
	if depth > 1 {
		// This is the /proc of an outer pid namespace, and its numbers.
		for i, child := range children {
			children[i] = 0
			if inner := numbersOf(strconv.Itoa(child)); len(inner) >= depth {
				children[i] = inner[depth-1]
			}
		}
	}
	return slices.Values(children)
}

// numbersOf returns the numbers of a process in the pid namespace of /proc and
// those below it (Linux 4.1).
func numbersOf(process string) (pids []int) {
	text, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return nil
	}
	_, line, found := bytes.Cut(text, []byte("\nNSpid:"))
	line, _, _ = bytes.Cut(line, []byte("\n"))
	pids = numbersAmong(bytes.FieldsSeq(line))
	if pid := strconv.Itoa(os.Getpid()); !found && bytes.Contains(text, []byte("\nPid:\t"+pid+"\n")) {
		return []int{os.Getpid()} // gVisor, which shows the numbers of this namespace
	}
	return pids
}

// pidMax returns a number that no process reaches.
func pidMax() int {
	const most = 1 << 22 // PID_MAX_LIMIT
	text, _ := os.ReadFile("/proc/sys/kernel/pid_max")
	if n, err := strconv.Atoi(string(bytes.TrimSpace(text))); err == nil && n > 0 {
		return min(n, most)
	}
	return most
}

// childrenOfThreads reads the files that the kernel has with
// CONFIG_PROC_CHILDREN.
func childrenOfThreads(tasks string) (children []int, err error) {
	threads, err := numbersIn(tasks)
	if err != nil {
		return nil, err
	}
	for _, thread := range threads {
		dir := filepath.Join(tasks, strconv.Itoa(thread))
		text, err := os.ReadFile(filepath.Join(dir, "children"))
		if _, gone := os.Stat(dir); err != nil && gone == nil {
			return nil, err
		}
		children = append(children, numbersAmong(bytes.FieldsSeq(text))...)
	}
	return children, nil
}

// StartTime returns when a process was started, in clock ticks, or "" if that is
// not known: the 22nd field of /proc/pid/stat.
func StartTime(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	const afterName = 22 - 2
	name := bytes.LastIndexByte(text, ')') // the name may hold anything
	fields := bytes.Fields(text[name+1:])
	if len(fields) < afterName {
		return ""
	}
	return string(fields[afterName-1])
}

func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i <= n && yield(i); i++ {
		}
	}
}

// existing returns those of the numbers that processes and threads have.
func existing(pids iter.Seq[int]) iter.Seq[int] {
	return func(yield func(int) bool) {
		for pid := range pids {
			// This is what asks in the least time, half of what a wait takes.
			if _, err := unix.Getpgid(pid); err != unix.ESRCH && !yield(pid) {
				return
			}
		}
	}
}

// numbersIn returns the entries of a folder that are numbers.
func numbersIn(dir string) ([]int, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	return numbersAmong(slices.Values(names)), err
}

func numbersAmong[S ~string | ~[]byte](words iter.Seq[S]) (numbers []int) {
	for word := range words {
		if n, err := strconv.Atoi(string(word)); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}
