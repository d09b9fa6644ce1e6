package conformance_test

import (
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

// featureOf is, for each call that a filter refuses, a word of the feature that
// goes with it.
var featureOf = map[string]string{
	"clone3":                "clone3",
	"close_range":           "spawn programs",
	"ioctl(PIDFD_GET_INFO)": "PIDFD_INFO_EXIT",
	"pidfd_getfd":           "pidfd_getfd",
	"pidfd_open":            "pidfd_getfd", // a child fetches files by both
	"pidfd_send_signal":     "pidfd_send_signal",
	"waitid(P_PIDFD)":       "waitid(P_PIDFD)",
}

// refused are the variants under a filter: one for each call, and one for all,
// as if there were no pidfds; each with both errors that filters like to give.
func refused() (variants []childtest.Variant) {
	calls := slices.Sorted(maps.Keys(featureOf))
	for _, errno := range []string{"=ENOSYS", "=EPERM"} {
		for _, call := range calls {
			v := childtest.Variant{Name: call + errno, Env: []string{selftest.RefuseVariable + "=" + call + errno}}
			if f, _ := childtest.Feature(ward.Capabilities(), featureOf[call]); !f.OK {
				v.Lacks = "without a filter, too, the system has no " + f.Name + ": " + f.Reason
			}
			variants = append(variants, v)
		}
		all := strings.Join(calls, errno+",") + errno
		variants = append(variants, childtest.Variant{Name: "all" + errno, Env: []string{selftest.RefuseVariable + "=" + all}})
	}
	return variants
}

// namesWhatPrivateLacks reports whether an error names the call that the system
// refuses, or else the part of the package that is missing.
func namesWhatPrivateLacks(text string) bool {
	refused := selftest.Refusals()
	named := func(call string) bool { return strings.Contains(text, call) }
	switch {
	case ward.Capabilities().Backend == "fallback":
		return strings.Contains(text, "Attr.Private without pidfds")
	case slices.ContainsFunc(slices.Collect(maps.Keys(refused)), named):
		return true
	}
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		return strings.Contains(text, "no spawn programs")
	}
	if selftest.LacksProc() {
		return strings.Contains(text, "/proc")
	}
	delete(refused, "pidfd_getfd") // which is no part of it
	delete(refused, "pidfd_open")
	return len(refused) == 0 && strings.Contains(text, "spawn") // programs, or the setting
}
