//go:build unix

// Package wait4 wraps wait4(2) for callers that must not block.
package wait4

import "syscall"

// Try is wait4 with WNOHANG. It returns 0 as the pid if no child that was asked
// for has exited.
func Try(pid int, status *syscall.WaitStatus, usage *syscall.Rusage) (int, error) {
	for {
		got, err := syscall.Wait4(pid, status, NoHang, usage)
		if err != syscall.EINTR {
			return got, err
		}
	}
}
