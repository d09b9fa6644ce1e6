package ward

import (
	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/spawn"
)

// start picks the backend: process descriptors, the kqueue alone where the
// system refuses them or a spawn program does not cover what attr asks for, or
// what the environment says.
func start(name string, argv []string, attr *Attr) (*process, error) {
	set, err := environment()
	if err == nil {
		err = set.oneOf(backends)
	}
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	switch backendFor(set) {
	case "fallback":
		return startFallback(name, argv, attr)
	case "kqueue":
		return startNoted(name, argv, attr)
	}
	if sysattr := attr.procAttr(); spawn.Covers(sysattr) {
		return startProcdesc(name, argv, attr, sysattr)
	}
	if attr.Private || attr.KillOnParentExit || attr.Tree {
		return nil, &Error{Op: "start", Err: unsupported("a process descriptor with this Attr.Sys")}
	}
	return startNoted(name, argv, attr)
}

// backendFor returns the backend of children that ask for nothing special. Want of
// descriptors or memory does not change it: that is an error of the start.
func backendFor(set settings) string {
	switch {
	case set.backend != "":
		return set.backend
	case defaultBackend == "procdesc" && probe.Refused(procdescWorks(set)):
		return "kqueue"
	}
	return defaultBackend
}

// procdescWorks tells why process descriptors cannot be had.
func procdescWorks(set settings) error {
	if set.spawn == "std" {
		return unsupported("pdfork with WARDDEBUG=spawn=std")
	}
	return spawn.Works()
}

// offers is what Attr may ask for.
func offers() offer {
	set, _ := environment()
	private := backendFor(set) == "procdesc"
	return offer{private: private, killOnParentExit: private, tree: treesWork(set) == nil}
}

// treesWork tells why Attr.Tree cannot be had.
func treesWork(set settings) error {
	if backend := backendFor(set); backend != "procdesc" {
		return unsupported("Attr.Tree with backend " + backend)
	}
	return reapersWork.Err()
}

func capabilities() Caps {
	set, _ := environment()
	pdfork := feature("pdfork by a spawn program (amd64 and arm64)", procdescWorks(set))
	var caps Caps
	switch backendFor(set) {
	case "fallback":
		caps = Caps{Backend: "fallback", Spawn: "std", Tier: TierDetectable}
	case "kqueue":
		caps = notedCaps(set, "status in the event of EVFILT_PROC")
	default:
		caps = Caps{Backend: "procdesc", Spawn: "fast", Tier: TierPrivate}
	}
	caps.Features = append(caps.Features, pdfork, feature("reapers (procctl): Attr.Tree", treesWork(set)))
	return caps
}
