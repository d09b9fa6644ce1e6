//go:build amd64 || arm64

package ward_test

import (
	"fmt"
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
		compareLimits()
	})
}

// TestChildOfAPluginGetsTheOriginalLimit has package filelimit look again after package
// syscall, as if the one were initialised with a plugin and the other with its program.
func TestChildOfAPluginGetsTheOriginalLimit(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	text := childtest.Report(t, nil, "lower limit", "limit seen late")
	if !strings.Contains(text, fmt.Sprintln(len(ways), "equal")) {
		t.Error("nothing was compared")
	}
}

func seeLimitLate() {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err != nil || limit.Cur != limit.Max-1 || seenLimit.Cur != lowLimit {
		childtest.Complain("limit %+v, at first %+v: %v", limit, seenLimit, err)
	}
	seenLimit = filelimit.Limit{Cur: limit.Cur, Max: limit.Max}
}
