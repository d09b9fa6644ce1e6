//go:build unix && !linux && !darwin && !freebsd

package ward

func start(name string, argv []string, attr *Attr) (*process, error) {
	set, err := environment()
	if err == nil {
		err = set.oneOf("fallback")
	}
	if err == nil && attr.Tree {
		attr, err = attr.withSys(leadGroup)
	}
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	return startFallback(name, argv, attr)
}

// offers is what Attr may ask for.
func offers() offer { return offer{tree: true} }

func capabilities() Caps {
	return Caps{Backend: "fallback", Spawn: "std", Tier: TierDetectable}
}
