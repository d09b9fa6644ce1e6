//go:build !unix

package conformance_test

import "syscall"

// otherRoot: there is none.
func otherRoot(string) *syscall.SysProcAttr { return nil }
