//go:build unix && cgo

// Package cwait waits for children as a C library in the program does.
package cwait

/*
#include <sys/types.h>
#include <sys/wait.h>
*/
import "C"

// By names the code that waits.
const By = "waitpid of the C library"

// Any waits for any child of the program and takes it: waitpid(3) with -1. The
// error is ECHILD if there is none.
func Any() (pid int, err error) {
	got, err := C.waitpid(-1, nil, 0)
	return int(got), err
}
