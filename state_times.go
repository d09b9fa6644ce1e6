//go:build !plan9 && !windows

package ward

import (
	"syscall"
	"time"
)

func userTime(u *syscall.Rusage) time.Duration { return time.Duration(u.Utime.Nano()) }

func systemTime(u *syscall.Rusage) time.Duration { return time.Duration(u.Stime.Nano()) }
