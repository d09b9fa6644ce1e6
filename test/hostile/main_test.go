package hostile_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func TestMain(m *testing.M) {
	selftest.Main(m, func() string { return ward.Capabilities().String() })
}

// inEachVariant runs a helper for each backend and kind of child, but for some
// that make no difference to it. Its argument is a size, of which there are two, and
// a quarter of the first with -test.short.
func inEachVariant(t *testing.T, attr ward.Attr, helper string, some, long int, except ...string) {
	t.Helper()
	childtest.NeedBackend(t)
	switch {
	case *selftest.Long:
		some = long
	case testing.Short():
		some = some/4 + 1
	}
	variants := []childtest.Variant{{Name: "as it is"}}
	if childtest.Chosen() == "" {
		variants = append(variants, childtest.Variants()...)
	}
	for _, v := range variants {
		if slices.Contains(except, v.Name) {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			if v.Lacks != "" {
				t.Skip(v.Lacks)
			}
			attr := attr
			attr.Env = v.Env
			childtest.Report(t, &attr, helper, strconv.Itoa(some))
		})
	}
}
