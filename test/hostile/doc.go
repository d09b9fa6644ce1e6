// Package hostile is the test of package ward against what goes wrong around it:
// code that waits for all children, pid numbers that come back, limits that are
// hit in the middle of many starts, and processes that are killed.
//
//	go test ./test/hostile              some seconds
//	go test ./test/hostile -args -long  at full size
//
// Each test runs for every backend and kind of child that the system offers, by
// a program that is the test binary itself. What it asks for are counts: so many
// children, so many right statuses, or as many typed errors as are due.
package hostile
