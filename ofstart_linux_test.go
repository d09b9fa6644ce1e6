package ward_test

import (
	"syscall"

	"github.com/wardproc/ward/internal/childtest"
)

// ofStart starts a child as a Start does that waits for the exec: its pidfd is
// among our descriptors, where the system gives one.
func ofStart(files []uintptr, helper string, args ...string) int {
	var sys *syscall.SysProcAttr
	if childtest.ClonePidfd() == nil {
		sys = &syscall.SysProcAttr{PidFD: new(int)}
	}
	return stranger(sys, files, helper, args...)
}
