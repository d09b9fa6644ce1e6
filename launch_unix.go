//go:build unix && !linux

package ward

import "syscall"

// launch calls try, which starts a child, until it succeeds or fails for good.
// release is to be called when the child is gone, or was not started.
func launch(_ *syscall.SysProcAttr, try func() error) (release func(), err error) {
	return func() {}, retryTextBusy(try)
}
