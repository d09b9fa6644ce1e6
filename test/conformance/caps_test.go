package conformance_test

import (
	"os"
	"strings"
	"testing"

	"github.com/wardproc/ward"
)

// TestCapabilitiesAreThoseOfTheSystem knows what each system has, and what is
// left of it in a variant.
func TestCapabilitiesAreThoseOfTheSystem(t *testing.T) {
	want := natural()
	for item := range strings.SplitSeq(os.Getenv("WARDDEBUG"), ",") {
		switch item {
		case "backend=fallback":
			want = ward.Caps{Backend: "fallback", Spawn: "std", Tier: ward.TierDetectable}
		case "backend=kqueue":
			want = ward.Caps{Backend: "kqueue", Spawn: "std", Tier: ward.TierRecoverable}
		case "recover=off":
			if want.Tier == ward.TierRecoverable {
				want.Tier = ward.TierDetectable
			}
		case "spawn=std":
			want.Spawn = "std"
		}
	}
	got := ward.Capabilities()
	if got.Backend != want.Backend || got.Spawn != want.Spawn || got.Tier != want.Tier {
		t.Errorf("want backend=%s tier=%v spawn=%s in\n%v", want.Backend, want.Tier, want.Spawn, got)
	}
}
