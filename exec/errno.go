//go:build !plan9

package exec

import (
	"errors"
	"syscall"
)

const noChild = syscall.ECHILD

// errnoOf returns the system's error that err wraps.
func errnoOf(err error) (error, bool) {
	errno, ok := errors.AsType[syscall.Errno](err)
	return errno, ok
}
