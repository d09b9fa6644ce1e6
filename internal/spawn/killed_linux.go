//go:build linux && (amd64 || arm64)

package spawn

import (
	"errors"
	"fmt"

	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// killed is the error of a trial whose child was killed before its last step. SIGSYS
// is a filter's, which nobody takes off again. Any other signal came by chance: the
// call may work all the same.
func killed(call string, pidfd int) error {
	err := fmt.Errorf("%s: killed: %w", call, errors.ErrUnsupported)
	var info pidfds.Siginfo
	for pidfds.Wait(pidfd, &info, unix.WEXITED|unix.WNOWAIT|unix.WALL, nil) == unix.EINTR {
	}
	status := info.WaitStatus()
	if info.Found() && status.Signaled() && status.Signal() == unix.SIGSYS {
		return err
	}
	return probe.Passing(err)
}
