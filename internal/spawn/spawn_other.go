//go:build !freebsd && (!linux || (!amd64 && !arm64))

// Package spawn is for Linux and FreeBSD on amd64 and arm64; elsewhere it starts
// nothing.
package spawn

import (
	"errors"
	"syscall"
)

// ErrNotApart is never returned.
var ErrNotApart = errors.New("no child with memory of its own")

// Covers reports false.
func Covers(*syscall.ProcAttr) bool { return false }

// KnowsLimit reports true.
func KnowsLimit() bool { return true }

// Uncovered returns nothing.
func Uncovered(*syscall.SysProcAttr) string { return "" }

// Works returns errors.ErrUnsupported.
func Works() error { return errors.ErrUnsupported }

// Refused reports false.
func Refused(error) bool { return false }

// Clone3 returns errors.ErrUnsupported.
func Clone3() error { return errors.ErrUnsupported }

// Fetches returns errors.ErrUnsupported.
func Fetches() error { return errors.ErrUnsupported }
