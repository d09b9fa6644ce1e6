package selftest

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// refusable are the calls that RefuseVariable knows, under the names that ward's
// errors have for them.
var refusable = map[string]Call{
	"clone3":                {Number: unix.SYS_CLONE3},
	"close_range":           {Number: unix.SYS_CLOSE_RANGE},
	"ioctl(PIDFD_GET_INFO)": {Number: unix.SYS_IOCTL, Arg: 2, Value: unix.PIDFD_GET_INFO},
	"pidfd_getfd":           {Number: unix.SYS_PIDFD_GETFD},
	"pidfd_open":            {Number: unix.SYS_PIDFD_OPEN},
	"pidfd_send_signal":     {Number: unix.SYS_PIDFD_SEND_SIGNAL},
	"waitid(P_PIDFD)":       {Number: unix.SYS_WAITID, Arg: 1, Value: unix.P_PIDFD},
}

var refusals = map[string]syscall.Errno{"ENOSYS": unix.ENOSYS, "EPERM": unix.EPERM}

// toRefuse returns the calls that RefuseVariable names, and how each is refused.
func toRefuse() (map[string]syscall.Errno, error) {
	refused := make(map[string]syscall.Errno)
	for item := range strings.SplitSeq(os.Getenv(RefuseVariable), ",") {
		if item == "" {
			continue
		}
		call, errno, _ := strings.Cut(item, "=")
		if refusable[call].Number == 0 || refusals[errno] == 0 {
			return nil, fmt.Errorf("environment variable %s: %q is no call=ENOSYS or call=EPERM that is known", RefuseVariable, item)
		}
		refused[call] = refusals[errno]
	}
	return refused, nil
}

// Refusals returns the calls known to RefuseVariable that the system refuses, and
// how: because the kernel has not got them, or because a filter is in front of it, be
// it ours or a container's.
func Refusals() map[string]syscall.Errno {
	found := make(map[string]syscall.Errno)
	for name, call := range refusable {
		if errno := call.answer(); errno == unix.ENOSYS || errno == unix.EPERM {
			found[name] = errno
		}
	}
	return found
}

// refuseCalls does what RefuseVariable says.
func refuseCalls() error {
	refused, err := toRefuse()
	for call, errno := range refused {
		if err := Refuse(errno, refusable[call]); err != nil {
			return fmt.Errorf("%s: %w", call, err)
		}
	}
	return err
}
