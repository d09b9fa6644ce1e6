package conformance_test

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
)

const fewLive, manyLive = 300, 8000

// holder is a child that ends with its standard input.
func holder() (path string, argv, env []string) {
	image := tinyprog.Hold(runtime.GOARCH)
	if image == nil {
		return selftest.Command("stdin", "0")
	}
	path, err := childtest.Tiny(image)
	if err != nil {
		childtest.Complain("%v", err)
	}
	return path, []string{path}, nil
}

func threads() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		childtest.Complain("%v", err)
	}
	_, text, _ := bytes.Cut(status, []byte("\nThreads:"))
	n, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		childtest.Complain("%v", err)
	}
	return n
}
