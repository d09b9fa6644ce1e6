//go:build unix && !linux

package conformance_test

import "syscall"

// fatalSignals are those that end a Go program by the signal itself.
var fatalSignals = []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}

func dieOf(s syscall.Signal) {
	for {
		syscall.Kill(syscall.Getpid(), s)
	}
}
