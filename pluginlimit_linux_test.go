//go:build amd64 || arm64

package ward_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	_ "unsafe" // for go:linkname

	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/filelimit"
	"github.com/wardproc/ward/internal/selftest"
)

//go:linkname seenLimit github.com/wardproc/ward/internal/filelimit.original
var seenLimit filelimit.Limit

func init() {
	selftest.Register("limit seen late", func([]string) {
		seeLimitLate()
		compareLimits(lateWays())
	})
}

// TestChildOfAPluginGetsTheOriginalLimit has package filelimit look again after package
// syscall, as if the one were initialised with a plugin and the other with its program.
func TestChildOfAPluginGetsTheOriginalLimit(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	text := childtest.Report(t, nil, "lower limit", "limit seen late")
	if !strings.Contains(text, fmt.Sprintln(len(lateWays()), "equal")) {
		t.Error("nothing was compared")
	}
}

// lateWays are those of which a child gets the limit. Without /proc to name a program
// in memory by, package syscall has nothing to show its limit with: only its own children
// get that, and there are no private ones among them.
func lateWays() []way {
	if !selftest.LacksProc() {
		return ways
	}
	return slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return w.private })
}

func seeLimitLate() {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err != nil || limit.Cur != limit.Max-1 || seenLimit.Cur != lowLimit {
		childtest.Complain("limit %+v, at first %+v: %v", limit, seenLimit, err)
	}
	seenLimit = filelimit.Limit{Cur: limit.Cur, Max: limit.Max}
}
