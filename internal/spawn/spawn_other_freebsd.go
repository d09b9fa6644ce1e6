//go:build !amd64 && !arm64

// Package spawn is for Linux and FreeBSD on amd64 and arm64; elsewhere it starts
// nothing.
package spawn

import (
	"errors"
	"syscall"
)

// Daemon is PD_DAEMON of pdfork(2).
const Daemon = 0x1

// Covers reports false.
func Covers(*syscall.ProcAttr) bool { return false }

// Uncovered returns nothing.
func Uncovered(*syscall.SysProcAttr) string { return "" }

// Works returns errors.ErrUnsupported.
func Works() error { return errors.ErrUnsupported }

// Child returns errors.ErrUnsupported.
func Child(string, []string, *syscall.ProcAttr, bool, int) (pid, fd int, err error) {
	return 0, 0, errors.ErrUnsupported
}
