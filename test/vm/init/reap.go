//go:build linux

package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// reapUntil reaps every child, orphans that were re-parented to PID 1
// included, until it has reaped pid, and returns the status of that one.
func reapUntil(pid int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		if got, _ := syscall.Wait4(-1, &status, 0, nil); got == pid {
			return status
		}
	}
}

// sweep ends what a test binary left behind and returns the names of it. What
// is on its way out, such as a child with a parent death signal, gets a second.
func sweep() []string {
	left := settle(time.Second)
	if len(left) > 0 {
		syscall.Kill(-1, syscall.SIGKILL) // all but PID 1
		settle(5 * time.Second)
	}
	return left
}

// settle reaps until there is no other process, for at most so long, and
// returns the names of those that remain.
func settle(limit time.Duration) []string {
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		for {
			if pid, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 {
				break
			}
		}
		left := processes()
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}

// processes returns the names of all processes but PID 1 and those of the
// kernel.
func processes() []string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // gone since
		}
		if name, ok := userProcess(string(stat)); ok {
			names = append(names, name)
		}
	}
	return names
}

// userProcess reads a line of proc_pid_stat(5): "pid (name) state ppid pgrp
// session tty tpgid flags ...", where the name may hold blanks and brackets.
func userProcess(stat string) (name string, ok bool) {
	const kernelThread = 0x00200000 // PF_KTHREAD
	first, last := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if first < 0 || last < first {
		return "", false
	}
	fields := strings.Fields(stat[last+1:])
	if len(fields) < 7 {
		return "", false
	}
	flags, err := strconv.ParseUint(fields[6], 10, 32)
	return stat[first+1 : last], err == nil && flags&kernelThread == 0
}
