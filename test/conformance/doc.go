// Package conformance is the test of what package ward promises, for all
// backends and ways to start a child. It sees no more of the package than a
// user does.
//
//	go test ./test/conformance              on this system
//	go test ./test/conformance -args -long  at full size
//
// TestVariants runs all the others again: for each choice that the variable WARDDEBUG
// in the environment can force; with children that are all private; and, on
// Linux, under seccomp filters that refuse what the package lives on. A variant
// is the test binary in a process of its own, and can be run alone:
//
//	WARDDEBUG=backend=fallback go test ./test/conformance
//	WARD_TEST_PRIVATE=on go test ./test/conformance
//	WARD_TEST_REFUSE=clone3=EPERM,close_range=ENOSYS go test ./test/conformance
//
// The binary that go test -c builds needs no other file, no shell and no
// parent: it may be PID 1.
package conformance
