//go:build unix

// Package wardunix has Wait4 with the types of golang.org/x/sys/unix, for programs that
// call unix.Wait4.
package wardunix

import (
	"syscall"
	"unsafe"

	"github.com/wardproc/ward"
	"golang.org/x/sys/unix"
)

// Wait4 is [ward.Wait4], with the arguments and results of unix.Wait4.
func Wait4(pid int, status *unix.WaitStatus, options int, usage *unix.Rusage) (int, error) {
	// The types are those of the same system call.
	return ward.Wait4(pid, (*syscall.WaitStatus)(status), options, (*syscall.Rusage)(unsafe.Pointer(usage)))
}

var (
	_ [unsafe.Sizeof(unix.Rusage{}) - unsafe.Sizeof(syscall.Rusage{})]struct{}
	_ [unsafe.Sizeof(syscall.Rusage{}) - unsafe.Sizeof(unix.Rusage{})]struct{}
)
