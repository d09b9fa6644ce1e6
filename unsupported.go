//go:build !unix && !windows

package ward

import (
	"os"
	"runtime"
	"time"

	"github.com/wardproc/ward/internal/secureexec"
)

// backends are those that the environment may choose: none.
const backends = ""

func start(string, []string, *Attr, settings) (*process, error) {
	return nil, &Error{Op: "start", Err: unsupported("starting processes on " + runtime.GOOS)}
}

// offers is what Attr may ask for.
func offers(settings) offer { return offer{} }

func capabilities(settings) Caps {
	return Caps{
		Backend:  "none",
		Tier:     TierNone,
		Features: []Feature{feature("starting processes", unsupported("starting processes"))},
	}
}

var terminate = os.Interrupt

// root: there is none.
func (a *Attr) root() string { return "" }

func isNotDirectory(error) bool { return false }

// wakeUp: no process is stopped.
func wakeUp(os.Signal) os.Signal { return nil }

func isNoSuchProcess(error) bool { return false }

// environ is the environment of the child.
func (a *Attr) environ() ([]string, error) { return a.Env, nil }

// ids: there are none.
func (a *Attr) ids() secureexec.IDs { return secureexec.IDs{} }

// A State tells how a process ended. This system has no backend, so there is none.
type State struct{}

func (s *State) Pid() int                  { return 0 }
func (s *State) ExitCode() int             { return -1 }
func (s *State) Exited() bool              { return false }
func (s *State) Success() bool             { return false }
func (s *State) Signaled() bool            { return false }
func (s *State) Signal() os.Signal         { return nil }
func (s *State) CoreDump() bool            { return false }
func (s *State) Recovered() bool           { return false }
func (s *State) Sys() any                  { return nil }
func (s *State) SysUsage() any             { return nil }
func (s *State) UserTime() time.Duration   { return 0 }
func (s *State) SystemTime() time.Duration { return 0 }
func (s *State) String() string            { return "<nil>" }
