package ward

import "github.com/wardproc/ward/internal/mux"

func start(name string, argv []string, attr *Attr) (*process, error) {
	set, err := environment()
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	if err := set.oneOf(""); err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	return startWaitobj(name, argv, attr)
}

// offers: a child is private by nature, and jobs give the rest.
func offers() offer { return offer{private: true, killOnParentExit: true, tree: true} }

func capabilities() Caps {
	packets := mux.PacketsWork()
	if set, _ := environment(); set.packets == "off" {
		packets = unsupported("NtAssociateWaitCompletionPacket with WARDDEBUG=packets=off")
	}
	return Caps{
		Backend: "waitobj",
		Spawn:   "std",
		Tier:    TierPrivate,
		Features: []Feature{
			feature("NtAssociateWaitCompletionPacket (Windows 8): one thread for all children, else one for 63", packets),
			feature("job objects: Attr.Tree and Attr.KillOnParentExit", jobsWork()),
		},
	}
}
