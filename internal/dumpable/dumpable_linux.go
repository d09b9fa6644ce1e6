// Package dumpable keeps the program's dumpable flag, see PR_SET_DUMPABLE in
// prctl(2), over starts with Credential. The child shares our memory while it
// changes its ids, and the kernel then takes the flag from that memory: no core
// dumps for us, and a /proc/self that belongs to root.
package dumpable

import (
	"github.com/wardproc/ward/internal/lockorder"
	"golang.org/x/sys/unix"
)

var flag struct {
	mu     lockorder.Mutex[lockorder.Dumpable] // guards the fields below
	starts int                                 // under way
	before int
}

// Keep calls start and leaves the flag as it was.
func Keep(start func() error) error {
	flag.mu.Lock()
	if flag.starts == 0 {
		flag.before, _ = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	}
	flag.starts++
	flag.mu.Unlock()

	err := start()

	flag.mu.Lock()
	defer flag.mu.Unlock()
	flag.starts--
	if flag.starts == 0 && flag.before == 1 {
		unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
	}
	return err
}
