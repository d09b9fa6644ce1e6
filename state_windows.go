package ward

import (
	"syscall"
	"time"
)

func userTime(u *syscall.Rusage) time.Duration { return filetimeDuration(u.UserTime) }

func systemTime(u *syscall.Rusage) time.Duration { return filetimeDuration(u.KernelTime) }

// filetimeDuration reads t as an amount of time, in units of 100 ns, as
// GetProcessTimes gives it.
func filetimeDuration(t syscall.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
