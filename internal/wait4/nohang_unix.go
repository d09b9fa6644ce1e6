//go:build unix && !aix

package wait4

import "syscall"

// NoHang is WNOHANG.
const NoHang = syscall.WNOHANG
