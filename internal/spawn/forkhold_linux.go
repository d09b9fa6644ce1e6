//go:build linux && (amd64 || arm64)

package spawn

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// execPatience is how long a start may hold the lock before somebody looks whether it
// still has to.
const execPatience = time.Millisecond

// A forkHold is the fork lock of one start. The thread that makes the child waits for
// the exec and can run no Go code before. So the lock is held until then, as in package
// syscall; but when that takes long, a timer looks whether the child has its table.
type forkHold struct {
	table    *uint64     // not 0 once the child has its table
	timer    *time.Timer // forks.mu guards it and the field below
	released bool
}

// holdForkLock keeps others from opening descriptors in two steps until the child
// has its table.
func (p *program) holdForkLock() (release func()) {
	if !p.inherits {
		return func() {}
	}
	table := &p.shared.report.table
	*table = 0
	p.steps[p.told].args[2] = uintptr(unsafe.Pointer(table))
	if !forks.enter() {
		return func() {}
	}
	h := &forkHold{table: table}
	forks.mu.Lock()
	defer forks.mu.Unlock()
	h.timer = time.AfterFunc(execPatience, h.check)
	return h.release
}

func (h *forkHold) check() {
	forks.mu.Lock()
	defer forks.mu.Unlock()
	switch {
	case h.released:
	case atomic.LoadUint64(h.table) != 0:
		h.released = true
		forks.leave()
	default:
		h.timer.Reset(execPatience)
	}
}

// release is called while the memory of the table's word is still there.
func (h *forkHold) release() {
	h.timer.Stop()
	forks.mu.Lock()
	defer forks.mu.Unlock()
	if !h.released {
		h.released = true
		forks.leave()
	}
}
