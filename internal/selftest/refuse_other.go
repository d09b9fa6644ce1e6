//go:build !linux

package selftest

import (
	"errors"
	"os"
)

func refuseCalls() error {
	if os.Getenv(RefuseVariable) != "" {
		return errors.New(RefuseVariable + " needs seccomp filters, which are of Linux")
	}
	return nil
}
