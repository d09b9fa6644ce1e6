//go:build !linux

package hostile_test

import (
	"strconv"

	"github.com/wardproc/ward/internal/wardtest"
)

// exiting returns a child that exits with the code at once.
func exiting(code byte) (path string, argv, env []string) {
	return wardtest.Command("exit", strconv.Itoa(int(code)))
}

// waiting returns one that waits for the end of its input, and exits with 0.
func waiting() (path string, argv, env []string) { return wardtest.Command("stdin", "0") }
