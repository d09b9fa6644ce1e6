//go:build unix

package ward

import (
	"errors"
	"syscall"
	"time"
)

// retryTextBusy repeats try while it returns ETXTBSY: a program that was just
// written is busy for as long as a child forked meanwhile holds the descriptor
// it was written through (golang/go#22315). The pauses add up to 100 ms.
func retryTextBusy(try func() error) error {
	for pause := 100 * time.Microsecond; ; pause *= 2 {
		err := try()
		if !errors.Is(err, syscall.ETXTBSY) || pause > 55*time.Millisecond {
			return err
		}
		time.Sleep(pause)
	}
}
