package hostile_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func TestMain(m *testing.M) {
	selftest.Main(m, func() string { return ward.Capabilities().String() })
}

// inEachVariant runs a helper for each backend and kind of child, but for some
// that make no difference to it. Its argument is a size, of which there are two. It is
// a quarter of the first with -test.short, and a fifth of the second where WARDDEBUG
// forces what no program gets by itself.
func inEachVariant(t *testing.T, attr ward.Attr, helper string, some, long int, except ...string) {
	t.Helper()
	childtest.NeedBackend(t)
	size := func(v childtest.Variant) int {
		switch {
		case *selftest.Long && slices.ContainsFunc(v.Env, forces):
			return max(some, long/5)
		case *selftest.Long:
			return long
		case testing.Short():
			return some/4 + 1
		}
		return some
	}
	variants := []childtest.Variant{{Name: "as it is"}}
	if childtest.Chosen() == "" {
		variants = append(variants, childtest.Variants()...)
	}
	for _, v := range variants {
		// Of a brief child there is nothing left to signal, or to take: those who can do
		// with some start them themselves.
		if v.Name == "brief" || slices.Contains(except, v.Name) {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			if v.Lacks != "" {
				t.Skip(v.Lacks)
			}
			attr := attr
			attr.Env = v.Env
			childtest.Report(t, &attr, helper, strconv.Itoa(size(v)))
		})
	}
}

func forces(variable string) bool { return strings.HasPrefix(variable, "WARDDEBUG=") }
