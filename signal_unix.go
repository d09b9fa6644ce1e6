//go:build unix

package ward

import (
	"os"
	"syscall"
)

// terminate is the polite signal of Stop.
var terminate os.Signal = syscall.SIGTERM

// isNoSuchProcess matches ESRCH, the word of kill(2) for a process that is gone.
func isNoSuchProcess(err error) bool { return err == syscall.ESRCH }
