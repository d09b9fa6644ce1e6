//go:build unix

package wait4

import (
	"runtime"
	"syscall"
)

// Ended reports whether a status is that of a child that has exited or was killed, and not
// of one that has stopped or continued.
func Ended(status syscall.WaitStatus) bool { return ended(runtime.GOOS, uint32(status)) }

// ended reads the status of a system as the macros of its <sys/wait.h> do. All have the
// signal that has killed the child in the lowest seven bits: none for an exit, and all
// bits set for a stop. What differs is how a child tells that it has continued. NetBSD,
// OpenBSD, Linux, Solaris and AIX set all 16 bits, and Darwin calls it a stop by SIGCONT,
// so that the seven bits are set. FreeBSD and DragonFly BSD call it SIGCONT, which package
// syscall takes for a death by that signal. There is none.
func ended(goos string, status uint32) bool {
	const stopped, continued = 0x7f, 0x13
	if status == continued && (goos == "freebsd" || goos == "dragonfly") {
		return false
	}
	return status&stopped != stopped
}
