//go:build !unix && !windows

package main

import "runtime"

func kernel() string { return runtime.GOOS }
