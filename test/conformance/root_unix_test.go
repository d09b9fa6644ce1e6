//go:build unix

package conformance_test

import "syscall"

// otherRoot has a child's root directory be dir. It returns nil where a filter refuses
// chroot(2) whatever the path: the kernel looks at that before it looks at rights.
func otherRoot(dir string) *syscall.SysProcAttr {
	if syscall.Chroot("") == syscall.EPERM {
		return nil
	}
	return &syscall.SysProcAttr{Chroot: dir}
}
