package ward

import (
	"os"
	"time"
)

// A State tells how a process ended. Plan 9 has no backend, so there is none.
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
