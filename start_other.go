//go:build !unix && !windows

package ward

import "runtime"

func start(string, []string, *Attr) (*process, error) {
	return nil, &Error{Op: "start", Err: unsupported("starting processes on " + runtime.GOOS)}
}

func capabilities() Caps { return Caps{Backend: "none", Tier: TierNone} }
