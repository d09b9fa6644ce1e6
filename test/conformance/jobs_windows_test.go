package conformance_test

import (
	"runtime"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func TestTreeIsLetGoOf(t *testing.T) {
	for _, words := range []string{"tree", "tree kill"} {
		for how, letGo := range map[string]func(ward.Handle){
			"by Close":             func(h ward.Handle) { h.Close() },
			"by garbage collector": func(ward.Handle) {},
		} {
			t.Run(words+" "+how, func(t *testing.T) {
				before := selftest.HandleCount("Job")
				h, f := childtest.StartFamily(t, childtest.Attributes(words), "", "exit")
				childtest.Wait(t, h)
				if n := selftest.HandleCount("Job"); n != before+1 {
					t.Errorf("%d jobs are open beside %d, want 1", n-before, before)
				}
				letGo(h)
				for range 20 {
					runtime.GC()
					if selftest.HandleCount("Job") == before {
						break
					}
				}
				if n := selftest.HandleCount("Job"); n != before {
					t.Errorf("%d jobs are left", n-before)
				}
				f.MustLive(t)
			})
		}
	}
}
