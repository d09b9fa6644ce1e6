//go:build !lockorder

package lockorder

import (
	"sync"
	"testing"
	"unsafe"
)

func TestLocksAreNoLarger(t *testing.T) {
	if got, want := unsafe.Sizeof(Mutex[Process]{}), unsafe.Sizeof(sync.Mutex{}); got != want {
		t.Errorf("a Mutex has %d bytes, and one of sync %d", got, want)
	}
	if got, want := unsafe.Sizeof(RWMutex[Numbers]{}), unsafe.Sizeof(sync.RWMutex{}); got != want {
		t.Errorf("an RWMutex has %d bytes, and one of sync %d", got, want)
	}
}
