//go:build unix && !linux

package hostile_test

import (
	"runtime"

	"github.com/wardproc/ward/internal/wait4"
)

const (
	groupWait = "wait4(0)"

	// On FreeBSD it sees process descriptors, and their status is read back.
	groupSeesPrivate = runtime.GOOS == "freebsd"
)

// waitForGroup takes a child of the program's own process group.
func waitForGroup() (pid int, err error) { return wait4.Try(0, nil, nil) }
