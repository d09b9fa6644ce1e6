package hostile_test

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	groupWait        = "waitid(P_PGID)"
	groupSeesPrivate = false
)

// waitForGroup takes a child of the program's own process group.
func waitForGroup() (pid int, err error) {
	var info struct {
		signo, errno, code int32
		rest               [128 - 3*4]byte
	}
	err = unix.Waitid(unix.P_PGID, unix.Getpgrp(), (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG, nil)
	return int(info.signo), err // which is 0 if there is none to take
}
