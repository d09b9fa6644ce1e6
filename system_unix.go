//go:build unix

package ward

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/secureexec"
)

// What the core has to know of Unix.

// terminate is the polite signal of Stop.
var terminate os.Signal = syscall.SIGTERM

// root is the child's root directory, if that is another one.
func (a *Attr) root() string {
	if a.Sys == nil {
		return ""
	}
	return a.Sys.Chroot
}

func isNotDirectory(err error) bool { return err == syscall.ENOTDIR }

// terminalError is what package syscall says of a terminal that the child cannot have, if
// it has only a's files.
func (a *Attr) terminalError(name string) error {
	var text string
	switch sys := a.Sys; {
	case sys == nil || !sys.Setctty:
		return nil
	case sys.Foreground:
		text = "both Setctty and Foreground set in SysProcAttr"
	case sys.Ctty >= len(a.Files):
		text = "Setctty set but Ctty not valid in child"
	default:
		return nil
	}
	return &fs.PathError{Op: startOp, Path: name, Err: errors.New(text)}
}

// wakeUp is the signal by which a stopped child gets to handle sig, or nil if it need
// not or is not to.
func wakeUp(sig os.Signal) os.Signal {
	switch sig {
	case syscall.SIGKILL, syscall.SIGCONT, syscall.Signal(0),
		syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		return nil
	}
	return syscall.SIGCONT
}

// isNoSuchProcess matches ESRCH, the word of kill(2) for a process that is gone.
func isNoSuchProcess(err error) bool { return err == syscall.ESRCH }

// environ is the environment of the child.
func (a *Attr) environ() ([]string, error) {
	if a.Env == nil {
		return os.Environ(), nil
	}
	return a.Env, nil
}

// ids are those of the child, if the program may give it what a asks for.
func (a *Attr) ids() secureexec.IDs {
	if a.Sys == nil || a.Sys.Credential == nil {
		return secureexec.Own()
	}
	uid, gid := int(a.Sys.Credential.Uid), int(a.Sys.Credential.Gid)
	return secureexec.IDs{UID: uid, EUID: uid, GID: gid, EGID: gid}
}

func userTime(u *syscall.Rusage) time.Duration { return time.Duration(u.Utime.Nano()) }

func systemTime(u *syscall.Rusage) time.Duration { return time.Duration(u.Stime.Nano()) }
