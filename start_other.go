//go:build !unix && !windows

package ward

import "runtime"

func start(string, []string, *Attr) (*process, error) {
	return nil, &Error{Op: "start", Err: unsupported("starting processes on " + runtime.GOOS)}
}

// offers is what Attr may ask for.
func offers() offer { return offer{} }

func capabilities() Caps { return Caps{Backend: "none", Tier: TierNone} }
