//go:build unix && !linux

package conformance_test

import "syscall"

// fatalSignals returns those that end a Go program by the signal itself.
func fatalSignals() []syscall.Signal { return []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} }

func dieOf(s syscall.Signal) {
	for {
		syscall.Kill(syscall.Getpid(), s)
	}
}
