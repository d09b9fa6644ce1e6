//go:build unix && !aix

package wait4

import "syscall"

const noHang = syscall.WNOHANG
