package hostile_test

import (
	"runtime"
	"strconv"
	"sync"

	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
)

// exiting returns a child that exits with the code, which is not 0, at once. It
// is for helpers: the program stays open in them.
func exiting(code byte) (path string, argv, env []string) {
	path = exitProgram()
	if path == "" {
		return selftest.Command("exit", strconv.Itoa(int(code)))
	}
	return path, []string{path, string([]byte{code})}, []string{}
}

// waiting returns one that waits for the end of its input, and exits with 0.
func waiting() (path string, argv, env []string) {
	path = holdProgram()
	if path == "" {
		return selftest.Command("stdin", "0")
	}
	return path, []string{path}, []string{}
}

var (
	exitProgram = sync.OnceValue(func() string { return tiny(tinyprog.Exit(runtime.GOARCH)) })
	holdProgram = sync.OnceValue(func() string { return tiny(tinyprog.Hold(runtime.GOARCH)) })
)

// tiny returns no path where there is no tiny program.
func tiny(image []byte) string {
	if image == nil {
		return ""
	}
	path, err := childtest.Tiny(image)
	if err != nil {
		childtest.Complain("%v", err)
	}
	return path
}
