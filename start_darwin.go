package ward

// start uses the kqueue backend, or the fallback where the environment says so.
func start(name string, argv []string, attr *Attr) (*process, error) {
	set, err := environment()
	if err == nil {
		err = set.oneOf("kqueue fallback")
	}
	if err == nil && attr.Tree {
		attr, err = attr.withSys(leadGroup)
	}
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	if set.backend == "fallback" {
		return startFallback(name, argv, attr)
	}
	return startNoted(name, argv, attr)
}

// offers is what Attr may ask for.
func offers() offer { return offer{tree: true} }

func capabilities() Caps {
	set, _ := environment()
	if set.backend == "fallback" {
		return Caps{Backend: "fallback", Spawn: "std", Tier: TierDetectable}
	}
	return notedCaps(set, "EVFILT_PROC with NOTE_EXITSTATUS")
}
