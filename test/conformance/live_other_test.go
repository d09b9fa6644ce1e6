//go:build !linux && !windows

package conformance_test

import (
	"runtime/pprof"

	"github.com/wardproc/ward/internal/selftest"
)

const fewLive, manyLive = 100, 500

// holder is a child that ends with its standard input.
func holder() (path string, argv, env []string) { return selftest.Command("stdin", "0") }

func threads() int { return pprof.Lookup("threadcreate").Count() }
