//go:build amd64 || arm64 || riscv64

package ward

import (
	"os"

	"golang.org/x/sys/unix"
)

func setSubreaper(on bool) error {
	const (
		byPID       = 0 // P_PID of <sys/wait.h>
		self        = 0
		reapAcquire = 2 // PROC_REAP_ACQUIRE of <sys/procctl.h>
		reapRelease = 3
	)
	command := uintptr(reapRelease)
	if on {
		command = reapAcquire
	}
	// The id is 64 bits wide: 32-bit systems would take two arguments for it.
	_, _, errno := unix.Syscall6(unix.SYS_PROCCTL, byPID, self, command, 0, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("procctl", errno)
	}
	return nil
}
