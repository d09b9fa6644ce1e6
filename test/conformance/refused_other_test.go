//go:build !linux

package conformance_test

import (
	"strings"

	"github.com/wardproc/ward/internal/childtest"
)

// refused are the variants under a seccomp filter, which only Linux has.
func refused() []childtest.Variant { return nil }

// namesWhatPrivateLacks reports whether an error names the attribute.
func namesWhatPrivateLacks(text string) bool { return strings.Contains(text, "Attr.Private") }
