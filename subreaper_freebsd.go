//go:build amd64 || arm64 || riscv64

package ward

import "golang.org/x/sys/unix"

func setSubreaper(on bool) error { return reaping.set(on) }

// set has the program take the role, or give it up, by a call of its own. While
// there is a subtree the role goes over, and is not given back.
func (r *reaperRole) set(on bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.on && on == r.acquired:
		r.acquired = !on
		return nil
	case on:
		return procctl("ACQUIRE", reapAcquire, nil)
	case r.on: // for the package only
		return unix.EINVAL
	}
	return procctl("RELEASE", reapRelease, nil)
}
