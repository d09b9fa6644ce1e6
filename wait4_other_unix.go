//go:build unix && !linux

package ward

import "syscall"

func waitForeign(pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage) (int, error) {
	return waitByNumber(pid, status, options, usage)
}
