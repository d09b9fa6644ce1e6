//go:build linux && (amd64 || arm64)

package spawn

import (
	"os"
	"runtime"

	"github.com/wardproc/ward/internal/filelimit"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

// originalLimit is filelimit.Original. Where that came too late, as in a plugin, it is
// the limit that package syscall gives its own children.
func originalLimit() (limit filelimit.Limit, ok bool) {
	if limit, ok = filelimit.Original(); ok || !filelimit.Late() {
		return limit, ok
	}
	if learns.Err() != nil {
		return limit, false
	}
	return learnedLimit, true
}

// KnowsLimit reports whether a spawn program can give its child the limit of open files
// that package syscall gives its own. A plugin without /proc cannot.
func KnowsLimit() bool {
	_, ok := filelimit.Original()
	return ok || !filelimit.Late() || learns.Err() == nil
}

// learnedLimit is set once learns has succeeded.
var learnedLimit filelimit.Limit

var learns = probe.Probe{Try: func() (err error) {
	learnedLimit, err = limitOfChild()
	return err
}}

// limitOfChild reads the limit of a child that package syscall starts. It raises
// SIGCHLD at its exit, and any wait sees it.
func limitOfChild() (limit filelimit.Limit, err error) {
	var stdin [2]int // at whose end the child ends, also if we do first
	if err := unix.Pipe2(stdin[:], unix.O_CLOEXEC); err != nil {
		return limit, os.NewSyscallError("pipe2", err)
	}
	pid, fd, err := pidfds.StartTiny(tinyprog.Hold(runtime.GOARCH), uintptr(stdin[0]))
	unix.Close(stdin[0])
	defer unix.Close(stdin[1])
	if err != nil {
		return limit, err
	}
	defer reap(fd)
	defer pidfds.Signal(fd, unix.SIGKILL) // somebody may have stopped it
	var answer unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &answer); err != nil {
		return limit, os.NewSyscallError("prlimit", err)
	}
	// If other code has killed and reaped it, the number may be a stranger's.
	if err := pidfds.Signal(fd, 0); err != nil {
		return limit, os.NewSyscallError("pidfd_send_signal", err)
	}
	return filelimit.Limit{Cur: answer.Cur, Max: answer.Max}, nil
}
