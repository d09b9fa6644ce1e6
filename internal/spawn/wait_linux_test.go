//go:build linux && (amd64 || arm64)

package spawn

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestGuardWakesTheThreadThatWaitsForTheSameChild clears a word as the kernel does, which
// wakes the first who waits for it and nobody else.
func TestGuardWakesTheThreadThatWaitsForTheSameChild(t *testing.T) {
	limit := unix.NsecToTimespec(int64(time.Minute))
	g := &guardian{masks: [2]uint64{^uint64(0)}, limit: limit}
	word := new(uint32)
	*word = waited
	g.list(word)
	guarded, woken := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(guarded)
		guardInCall(g)
	}()
	for atomic.LoadUint32(&g.onDuty) == 0 {
		runtime.Gosched()
	}
	time.Sleep(20 * time.Millisecond) // the guard waits first
	go func() {
		defer close(woken)
		for atomic.LoadUint32(word) == waited {
			futexWait(word, waited, &limit)
		}
	}()
	time.Sleep(20 * time.Millisecond)
	atomic.StoreUint32(word, released)
	const wake, one = 1, 1
	syscall.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), wake, one)
	for _, ended := range []chan struct{}{guarded, woken} {
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Error("the kernel has woken one who waits for the child, and nobody the other")
			futexWake(word)
			<-ended
		}
	}
	runtime.KeepAlive(g)
}
