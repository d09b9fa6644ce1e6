//go:build (linux || freebsd) && (amd64 || arm64)

// Package filelimit knows the RLIMIT_NOFILE that the program was started with.
// Package syscall raises it when it is initialised, and keeps the old one to
// itself, for its own children.
//
// This package is initialised before that one: it imports nothing, and of the
// packages that are ready the one with the first path comes first ("Program
// initialization" in the Go specification). For that it has its system call in
// assembly, and must not import anything.
//
// In a plugin it comes too late, where the program has package syscall and not this
// one: see Late. A library of Go in another program (-buildmode=c-shared, c-archive) has
// its own of both, and they come in that order when it is loaded: what the program had
// then is the original.
package filelimit

// Limit is struct rlimit of getrlimit(2).
type Limit struct{ Cur, Max uint64 }

var original = current()

// Original returns the limit from before package syscall raised it, and whether
// that is what a child is to have: not if the program has set another one since,
// which then is inherited. One less than the hard limit, which is what package
// syscall sets, is never taken for the program's choice.
func Original() (limit Limit, ok bool) {
	raised := raised()
	return original, original.Cur < raised.Cur && current() == raised
}

// Late reports whether the limit may have been raised before this package saw it, and
// is still what it was raised to. Package syscall of the program then knows the
// original, and this one does not. It is the same in a program that was started with
// one less than the hard limit.
func Late() bool {
	return original == raised() && current() == original
}

// raised is what package syscall sets.
func raised() Limit { return Limit{original.Max - 1, original.Max} }

// current returns the zero limit after an error.
func current() (limit Limit) {
	if getrlimit(&limit) != 0 {
		return Limit{}
	}
	return limit
}

// getrlimit gets RLIMIT_NOFILE. The result is 0 without an error.
//
//go:noescape
func getrlimit(limit *Limit) uintptr
