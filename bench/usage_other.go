//go:build !linux

package main

import (
	"errors"
	"fmt"
	"runtime"
)

// usage is what this process takes from the system.
type usage struct{ threads, rss float64 }

func readUsage() (u usage, known bool) { return usage{}, false }

func availableMemory() (int64, error) {
	return 0, fmt.Errorf("%s: %w", runtime.GOOS, errors.ErrUnsupported)
}
