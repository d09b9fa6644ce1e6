//go:build unix && !linux && !darwin && !freebsd

package ward

// backends are those that the environment may choose.
const backends = "fallback"

func start(name string, argv []string, attr *Attr, _ settings) (*process, error) {
	attr, err := attr.leadingGroup()
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	return startFallback(name, argv, attr)
}

// offers is what Attr may ask for.
func offers(settings) offer { return offer{tree: true} }

func capabilities(settings) Caps {
	return Caps{
		Backend:  "fallback",
		Spawn:    "std",
		Tier:     TierDetectable,
		Features: []Feature{feature("handles of processes", unsupported("a handle of a process"))},
	}
}
