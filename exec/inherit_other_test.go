//go:build !unix

package exec_test

// inherit does nothing.
func (*world) inherit(uint64) (closeAll func()) { return func() {} }

// inherited returns nothing.
func inherited() []string { return nil }
