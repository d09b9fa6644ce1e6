//go:build !linux

package conformance_test

// refused are the variants under a seccomp filter, which only Linux has.
func refused() []variant { return nil }
