package conformance_test

import (
	"errors"
	"os"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

func TestKillTreeKillsDescendants(t *testing.T) {
	for _, attr := range []string{"tree", "tree kill"} {
		for _, words := range []string{"", "family"} {
			t.Run(attr+","+words, func(t *testing.T) {
				childtest.NeedAttr(t, childtest.Attributes(attr))
				h, f := childtest.StartFamily(t, childtest.Attributes(attr), words, "stay")
				if err := h.KillTree(); err != nil {
					t.Fatal(err)
				}
				if state := childtest.Wait(t, h); state.Success() {
					t.Errorf("Wait() = %v", state)
				}
				f.MustEnd(t)
				if err := h.KillTree(); !errors.Is(err, os.ErrProcessDone) {
					t.Errorf("a second KillTree: %v", err)
				}
			})
		}
	}
}

func TestKillLeavesDescendants(t *testing.T) {
	for _, attr := range []string{"", "tree", "kill"} {
		t.Run(attr, func(t *testing.T) {
			childtest.NeedAttr(t, childtest.Attributes(attr))
			h, f := childtest.StartFamily(t, childtest.Attributes(attr), "", "stay")
			h.Kill()
			childtest.Wait(t, h)
			f.MustLive(t)
			h.Close()
			f.MustLive(t)
		})
	}
}

func TestKillTreeAfterTheExitKillsTheRest(t *testing.T) {
	childtest.NeedAttr(t, childtest.Attributes("tree"))
	for _, words := range []string{"", "family"} {
		h, f := childtest.StartFamily(t, childtest.Attributes("tree"), words, "exit")
		if state := childtest.Wait(t, h); state.ExitCode() != 6 {
			t.Errorf("Wait() = %v", state)
		}
		f.MustLive(t)
		err := h.KillTree()
		if !childtest.ReachesOrphans() {
			if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("KillTree of a group that is known by number: %v", err)
			}
			f.MustLive(t)
			f.Release()
			f.MustEnd(t)
			continue
		}
		if err != nil {
			t.Error(err)
		}
		f.MustEnd(t)
		if err := h.KillTree(); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("a second KillTree: %v", err)
		}
	}
}

func TestKillTreeOfNobodyIsDone(t *testing.T) {
	childtest.NeedAttr(t, childtest.Attributes("tree"))
	h := childtest.Start(t, childtest.Attributes("tree"), "exit", "0")
	childtest.Wait(t, h)
	if err := h.KillTree(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("KillTree: %v", err)
	}
	h.Close()
	if err := h.KillTree(); !errors.Is(err, ward.ErrClosed) {
		t.Errorf("KillTree of a closed handle: %v", err)
	}
}

func TestKillTreeLeavesOthersAlone(t *testing.T) {
	childtest.NeedAttr(t, childtest.Attributes("tree"))
	other, rest := childtest.StartFamily(t, childtest.Attributes("tree"), "", "exit")
	childtest.Wait(t, other)
	child := childtest.StartHeld(t)
	h, f := childtest.StartFamily(t, childtest.Attributes("tree"), "", "stay")
	if err := h.KillTree(); err != nil {
		t.Fatal(err)
	}
	f.MustEnd(t)
	rest.MustLive(t)
	other.Close()
	if _, err := child.TryWait(); err != ward.ErrRunning {
		t.Errorf("a child that is in no tree: %v", err)
	}
}
