//go:build unix

package selftest

import (
	"fmt"
	"os"
	"syscall"

	"github.com/wardproc/ward/internal/wait4"
)

// zombies reaps children that nobody has reaped, and returns an error if there
// was one, or if one still runs. PID 1 inherits orphans, which do not count.
func zombies() error {
	var status syscall.WaitStatus
	pid, err := wait4.Try(-1, &status, nil)
	switch {
	case err == syscall.ECHILD || os.Getpid() == 1:
		return nil
	case err != nil:
		return os.NewSyscallError("wait4", err)
	case pid == 0:
		return fmt.Errorf("a child still runs")
	}
	return fmt.Errorf("zombie %d (status %#x)", pid, status)
}
