package ward

import (
	"runtime"
	"syscall"

	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/spawn"
)

// start picks the backend: pidfd, or the fallback where the kernel, a seccomp
// filter or the environment refuses it.
func start(name string, argv []string, attr *Attr) (*process, error) {
	set, err := environment()
	if err == nil {
		err = set.oneOf("pidfd fallback")
	}
	if err == nil && attr.Private {
		err = privateWorks(set)
	}
	if err == nil && attr.KillOnParentExit {
		attr, err = attr.withSys(dieWithProgram)
	}
	if err == nil && attr.Tree {
		attr, err = attr.withSys(leadGroup)
	}
	if err != nil {
		return nil, &Error{Op: "start", Err: err}
	}
	if usePidfd(set) {
		return startPidfd(name, argv, attr)
	}
	return startFallback(name, argv, attr)
}

// dieWithProgram has the kernel kill the child, as far as it can do so without
// privileges. CLONE_PIDFD_AUTOKILL (Linux 7.1) would kill one that has changed its
// ids, too, but without CAP_SYS_ADMIN keep every child from it (no_new_privs); it
// is for private children only; and a pidfd passed on keeps the child alive.
func dieWithProgram(sys *syscall.SysProcAttr) error {
	if sys.Pdeathsig != 0 && sys.Pdeathsig != syscall.SIGKILL {
		return unsupported("Attr.KillOnParentExit with another Sys.Pdeathsig than SIGKILL")
	}
	sys.Pdeathsig = syscall.SIGKILL
	return nil
}

// offers is what Attr may ask for; for Private see privateWorks.
func offers() offer { return offer{private: true, killOnParentExit: true, tree: true} }

func usePidfd(set settings) bool {
	switch set.backend {
	case "pidfd":
		return true
	case "fallback":
		return false
	}
	return pidfdWorks.Err() == nil
}

// pidfdWorks tells what of the pidfd backend the system refuses. It opens no
// descriptor: the answer must not depend on how many are left.
var pidfdWorks = probe.Probe{Try: func() error {
	if runtime.GOOS == "android" {
		// Before Android 12 these calls raise SIGSYS instead of failing.
		return unsupported("pidfd on android")
	}
	return probePidfd()
}}

func capabilities() Caps {
	set, _ := environment()
	if !usePidfd(set) {
		return Caps{
			Backend:  "fallback",
			Spawn:    "std",
			Tier:     TierDetectable,
			Features: []Feature{pidfdFeature()},
		}
	}
	caps := Caps{Backend: "pidfd", Spawn: "fast", Tier: TierDetectable}
	works := spawn.Works()
	if set.spawn == "std" {
		works = unsupported("a spawn program with WARDDEBUG=spawn=std")
	}
	fetches := works
	if works != nil {
		caps.Spawn = "std"
	} else {
		fetches = spawn.Fetches()
	}
	autoreap, keeper := works, works
	if works == nil {
		autoreap, keeper = autoreaps(), spawn.Keeps()
	}
	info := pidfdRecovers.Err()
	if set.recover == "off" {
		info = unsupported("recovery with WARDDEBUG=recover=off")
	}
	if info == nil {
		caps.Tier = TierRecoverable
	}
	caps.Features = []Feature{
		pidfdFeature(),
		feature("PIDFD_INFO_EXIT (Linux 6.15)", info),
		feature("spawn programs (Linux 5.9, amd64 and arm64)", works),
		feature("CLONE_AUTOREAP for Attr.Private (Linux 7.1)", autoreap),
		feature("keeper for Attr.Private (where spawn programs are)", keeper),
		feature("PIDFD_SIGNAL_PROCESS_GROUP for KillTree after the exit (Linux 6.9)", groupSignals.Err()),
		feature("pidfd_getfd, for files numbered 64 and up (Linux 5.6)", fetches),
	}
	return caps
}

func pidfdFeature() Feature {
	return feature("waitid(P_PIDFD) and pidfd_send_signal (Linux 5.4)", pidfdWorks.Err())
}
