//go:build unix || windows

package ward

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// A State tells how a process ended. Its methods are those of
// [os.ProcessState] and a few more.
type State struct {
	pid       int
	status    syscall.WaitStatus
	usage     syscall.Rusage
	hasUsage  bool
	recovered bool
}

// Pid returns the process id of the exited process.
func (s *State) Pid() int { return s.pid }

// ExitCode returns the exit code, or -1 if a signal ended the process or s is
// nil.
func (s *State) ExitCode() int {
	if s == nil {
		return -1
	}
	return s.status.ExitStatus()
}

// Exited reports whether the process ended by itself and not by a signal. On
// Windows it is always true.
func (s *State) Exited() bool { return s.status.Exited() }

// Success reports whether the exit code is 0.
func (s *State) Success() bool { return s.status.ExitStatus() == 0 }

// Signaled reports whether a signal ended the process.
func (s *State) Signaled() bool { return s.status.Signaled() }

// Signal returns the signal that ended the process, a [syscall.Signal], or nil
// if none did.
func (s *State) Signal() os.Signal {
	if !s.status.Signaled() {
		return nil
	}
	return s.status.Signal()
}

// CoreDump reports whether the process left a core dump.
func (s *State) CoreDump() bool { return s.status.CoreDump() }

// Recovered reports whether other code in the program reaped the process and
// the status was read back from the kernel. It is exact, but there is no
// resource usage.
func (s *State) Recovered() bool { return s.recovered }

// Sys returns the system's own form of the status, a [syscall.WaitStatus].
func (s *State) Sys() any { return s.status }

// SysUsage returns the resource usage as a *[syscall.Rusage], or nil where it
// is not known.
func (s *State) SysUsage() any {
	if !s.hasUsage {
		return nil
	}
	return &s.usage
}

// UserTime returns the user CPU time of the process and of the descendants it
// waited for, or 0 where SysUsage is nil.
func (s *State) UserTime() time.Duration { return userTime(&s.usage) }

// SystemTime returns the system CPU time, counted like UserTime.
func (s *State) SystemTime() time.Duration { return systemTime(&s.usage) }

// String returns "exit status 1", "signal: killed" and so on, in the words of
// os.ProcessState.
func (s *State) String() string {
	if s == nil {
		return "<nil>"
	}
	if s.status.Exited() {
		return "exit status " + formatExitCode(s.status.ExitStatus())
	}
	text := "signal: " + s.status.Signal().String()
	if s.status.CoreDump() {
		text += " (core dumped)"
	}
	return text
}

// formatExitCode writes the large codes of Windows in hexadecimal.
func formatExitCode(code int) string {
	if runtime.GOOS == "windows" && uint(code) >= 1<<16 {
		return "0x" + strconv.FormatUint(uint64(code), 16)
	}
	return strconv.Itoa(code)
}
