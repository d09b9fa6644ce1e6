//go:build unix

package conformance_test

import "syscall"

// otherRoot is Sys for a child in another root directory.
func otherRoot(dir string) *syscall.SysProcAttr { return &syscall.SysProcAttr{Chroot: dir} }
