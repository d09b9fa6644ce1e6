package ward

import (
	"os"

	"golang.org/x/sys/unix"
)

func setSubreaper(on bool) error {
	var value uintptr
	if on {
		value = 1
	}
	return os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, value, 0, 0, 0))
}
