package conformance_test

import (
	"os"
	"strings"
	"testing"

	"github.com/wardproc/ward"
)

func TestCapabilitiesSayWhatIsForced(t *testing.T) {
	forced := os.Getenv("WARD")
	if forced == "" {
		t.Skip("the environment variable WARD forces nothing")
	}
	caps := ward.Capabilities()
	for item := range strings.SplitSeq(forced, ",") {
		key, value, _ := strings.Cut(item, "=")
		switch key {
		case "backend":
			if caps.Backend != value {
				t.Errorf("%s: %v", item, caps)
			}
		case "spawn":
			if caps.Spawn != value {
				t.Errorf("%s: %v", item, caps)
			}
		case "recover":
			if caps.Tier == ward.TierRecoverable {
				t.Errorf("%s: %v", item, caps)
			}
		case "packets":
			if caps.Features[0].OK {
				t.Errorf("%s: %v", item, caps)
			}
		default:
			t.Errorf("%s: not known to this test", item)
		}
	}
}
