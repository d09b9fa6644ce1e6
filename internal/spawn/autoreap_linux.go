//go:build linux && (amd64 || arm64)

package spawn

import (
	"syscall"

	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// AutoreapedChild is Child for a child that the kernel reaps by itself: no wait
// sees it and it raises no SIGCHLD. Its exit is a hang-up of the pidfd, which
// then tells the status. Requires what Autoreaps says.
func AutoreapedChild(name string, argv []string, attr *syscall.ProcAttr, how How) (
	pid, pidfd int, err error,
) {
	return makeChild(autoreaped{thread{how.ParentThread}}, name, argv, attr, how)
}

// Autoreaps tells whether the system has CLONE_AUTOREAP, Linux 7.1, besides
// what Works says.
func Autoreaps() error {
	if err := Clone3(); err != nil {
		return err
	}
	return autoreaps.Err()
}

var autoreaps = probe.Probe{Try: func() error {
	return tryClone(unix.CLONE_AUTOREAP)
}}

// autoreaped makes children that the kernel reaps.
type autoreaped struct{ thread }

func (autoreaped) prepare(p *program) { p.childArgs().flags |= unix.CLONE_AUTOREAP }
