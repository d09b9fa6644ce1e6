package ward

import "golang.org/x/sys/unix"

// seenRunning reports whether waitid(2) finds that the child has not exited. It
// leaves a stop to whoever traces the child, where wait4(2) would take it. If
// it finds no child, or a filter refuses it, wait4 is to say what is the case.
func seenRunning(pid int) bool {
	var info siginfo
	err := waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && !info.exited()
}
