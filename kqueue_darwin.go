package ward

// backends are those that the environment may choose.
const backends = "kqueue fallback"

// start uses the kqueue backend, or the fallback where the environment says so.
func start(name string, argv []string, attr *Attr, set settings) (*process, error) {
	attr, err := attr.leadingGroup()
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	if set.backend == "fallback" {
		return startFallback(name, argv, attr)
	}
	return startKqueue(name, argv, attr)
}

// offers is what Attr may ask for.
func offers(settings) offer { return offer{tree: true} }

func capabilities(set settings) Caps {
	if set.backend == "fallback" {
		return Caps{Backend: "fallback", Spawn: "std", Tier: TierDetectable}
	}
	return kqueueCaps(set, "EVFILT_PROC with NOTE_EXITSTATUS")
}
