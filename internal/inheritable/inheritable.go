//go:build unix

// Package inheritable tells which descriptors an exec passes on.
package inheritable

import "golang.org/x/sys/unix"

// Is reports whether the descriptor is open without the close-on-exec flag.
func Is(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}
