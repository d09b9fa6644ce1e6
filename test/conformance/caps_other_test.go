//go:build !linux

package conformance_test

import (
	"runtime"

	"github.com/wardproc/ward"
)

func natural() ward.Caps {
	switch runtime.GOOS {
	case "windows":
		return ward.Caps{Backend: "waitobj", Spawn: "std", Tier: ward.TierPrivate}
	case "darwin", "ios":
		return ward.Caps{Backend: "kqueue", Spawn: "std", Tier: ward.TierRecoverable}
	case "freebsd":
		if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
			return ward.Caps{Backend: "kqueue", Spawn: "std", Tier: ward.TierRecoverable}
		}
		return ward.Caps{Backend: "procdesc", Spawn: "fast", Tier: ward.TierPrivate}
	case "plan9", "js", "wasip1":
		return ward.Caps{Backend: "none"}
	}
	return ward.Caps{Backend: "fallback", Spawn: "std", Tier: ward.TierDetectable}
}
