//go:build !lockorder

package lockorder

import "sync"

// A Mutex is a sync.Mutex of the rank R.
type Mutex[R rank] struct{ sync.Mutex }

// An RWMutex is a sync.RWMutex of the rank R.
type RWMutex[R rank] struct{ sync.RWMutex }
