//go:build !linux

package conformance_test

import "github.com/wardproc/ward/internal/childtest"

// refused are the variants under a seccomp filter, which only Linux has.
func refused() []childtest.Variant { return nil }
