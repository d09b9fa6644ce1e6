package selftest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// KernelBefore reports whether the kernel is older than Linux major.minor: then
// a test may be skipped for what that version brought, and on no other.
func KernelBefore(major, minor int) bool {
	var name unix.Utsname
	unix.Uname(&name)
	var has [2]int
	fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &has[0], &has[1])
	return has[0] < major || has[0] == major && has[1] < minor
}
