//go:build unix

// Package textbusy repeats a start while its program is busy.
package textbusy

import (
	"errors"
	"syscall"
	"time"
)

// Retry repeats start while it returns ETXTBSY, and returns its last error. A
// program that was just written is busy for as long as a child forked meanwhile
// holds the descriptor it was written through (golang/go#22315). The pauses add
// up to 100 ms.
func Retry(start func() error) error {
	for pause := 100 * time.Microsecond; ; pause *= 2 {
		err := start()
		if !errors.Is(err, syscall.ETXTBSY) || pause > 55*time.Millisecond {
			return err
		}
		time.Sleep(pause)
	}
}
