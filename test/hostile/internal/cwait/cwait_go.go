//go:build unix && !cgo

// Package cwait waits for children as a C library in the program does.
package cwait

import "syscall"

// By names the code that waits.
const By = "wait4 of package syscall, for want of cgo"

// Any waits for any child of the program and takes it: wait4(2) with -1. The
// error is ECHILD if there is none.
func Any() (pid int, err error) { return syscall.Wait4(-1, nil, 0, nil) }
