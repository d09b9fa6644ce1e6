package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// now reads CLOCK_MONOTONIC, as the ELF child does: time.Now keeps its own
// monotonic reading to itself.
func now() (stamp, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return stamp{}, os.NewSyscallError("clock_gettime", err)
	}
	sec, nsec := ts.Unix()
	return stamp{Sec: sec, Nsec: nsec}, nil
}
