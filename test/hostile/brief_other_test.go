//go:build !linux

package hostile_test

import (
	"strconv"

	"github.com/wardproc/ward/internal/selftest"
)

// exiting returns a child that exits with the code at once.
func exiting(code byte) (path string, argv, env []string) {
	return selftest.Command("exit", strconv.Itoa(int(code)))
}

// waiting returns one that waits for the end of its input, and exits with 0.
func waiting() (path string, argv, env []string) { return selftest.Command("stdin", "0") }
