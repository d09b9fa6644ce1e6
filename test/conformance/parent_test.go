package conformance_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

// TestChildDiesWithTheProgram has programs that end, by a kill or by themselves,
// while they have a child, which may have one of its own.
func TestChildDiesWithTheProgram(t *testing.T) {
	for words, dies := range map[string]bool{
		"":                 false,
		"tree":             false,
		"kill":             true,
		"tree kill":        true,
		"family kill":      false,                     // the grandchild stays
		"family tree kill": runtime.GOOS == "windows", // where the job has it, too
	} {
		t.Run(strings.ReplaceAll(words, " ", "+"), func(t *testing.T) {
			childtest.NeedAttr(t, childtest.Attributes(words))
			fates := []string{"stay", "exit"}
			if strings.Contains(words, "family") {
				fates = fates[:1] // at once the child might die before it has one
			}
			for _, fate := range fates {
				program, f := childtest.StartFamily(t, new(ward.Attr), words, fate)
				if fate == "stay" {
					if err := program.Kill(); err != nil {
						t.Fatal(err)
					}
				}
				state := childtest.Wait(t, program)
				if (state.ExitCode() == 6) != (fate == "exit") {
					t.Errorf("%s: Wait() = %v", fate, state)
				}
				if dies {
					f.MustEnd(t)
				} else {
					f.MustLive(t)
				}
			}
		})
	}
}
