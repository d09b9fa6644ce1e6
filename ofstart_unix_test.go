//go:build unix && !linux

package ward_test

// ofStart starts a child as a Start does that waits for the exec.
func ofStart(files []uintptr, helper string, args ...string) int {
	return stranger(nil, files, helper, args...)
}
