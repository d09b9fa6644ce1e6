//go:build unix && !linux

package ward

func start(name string, argv []string, attr *Attr) (*process, error) {
	set, err := environment()
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	if set.backend == "pidfd" {
		return nil, &Error{Op: "start", Err: unsupported("WARD=backend=pidfd")}
	}
	return startFallback(name, argv, attr)
}

func capabilities() Caps {
	return Caps{Backend: "fallback", Spawn: "std", Tier: TierDetectable}
}
