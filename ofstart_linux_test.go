package ward_test

import "syscall"

// ofStart starts a child as a Start does that waits for the exec: its pidfd is
// among our descriptors.
func ofStart(files []uintptr, helper string, args ...string) int {
	return stranger(&syscall.SysProcAttr{PidFD: new(int)}, files, helper, args...)
}
