package ward

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// Tier says what a foreign wait4(-1) in the program can do to a child.
type Tier int

const (
	// TierNone: no children on this system.
	TierNone Tier = iota
	// TierDetectable: it can take the status; Wait returns [ErrStatusLost].
	TierDetectable
	// TierRecoverable: it can take the zombie; Wait reads the status back,
	// exact but without resource usage.
	TierRecoverable
	// TierPrivate: it does not see the child.
	TierPrivate
)

// String returns the tier's name in lower case.
func (t Tier) String() string {
	names := [...]string{"none", "detectable", "recoverable", "private"}
	if t < 0 || int(t) >= len(names) {
		return "Tier(" + strconv.Itoa(int(t)) + ")"
	}
	return names[t]
}

// A Feature is one thing that the package looked for by trying it.
type Feature struct {
	Name   string
	OK     bool
	Reason string // if it is not OK: what the system answered, what that costs, and what cures it
}

// Caps tells what the package found on the system it runs on.
type Caps struct {
	Backend  string // "pidfd", "procdesc", "kqueue", "waitobj", "fallback" or "none"
	Spawn    string // "fast" for spawn programs, "std" for the standard library's way, "" if Backend is none
	Tier     Tier   // of a child started without Attr.Private
	Features []Feature
}

// Capabilities returns what the package found, and what the environment
// variable WARDDEBUG forces. The first call, or the first Start, tries the features;
// one that was refused may be there later: see [Start].
func Capabilities() Caps {
	defer children.endStart(children.beginStart()) // to try them takes children
	set, _ := environment()
	return capabilities(set)
}

// String returns a few lines to paste into a bug report.
func (c Caps) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ward: backend=%s tier=%s spawn=%s system=%s/%s go=%s\n",
		c.Backend, c.Tier, c.Spawn, runtime.GOOS, runtime.GOARCH, runtime.Version())
	for _, f := range c.Features {
		if f.OK {
			fmt.Fprintf(&b, "  %s: yes\n", f.Name)
		} else {
			fmt.Fprintf(&b, "  %s: no (%s)\n", f.Name, f.Reason)
		}
	}
	return b.String()
}

// feature says whether trying name gave an error, and then what is to be known of it: what
// the lack costs, and what cures it.
func feature(name string, err error, notes ...string) Feature {
	if err != nil {
		return Feature{Name: name, Reason: strings.Join(append([]string{err.Error()}, notes...), "; ")}
	}
	return Feature{Name: name, OK: true}
}
