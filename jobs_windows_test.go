package ward_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/wardtest"
	"golang.org/x/sys/windows"
)

func init() {
	// family starts a child with the attributes args[0], which holds standard
	// output open and ends with standard input, and says so. So does family
	// itself, or it exits with 6 at once if args[1] is "exit".
	wardtest.Register("family", func(args []string) {
		path, argv, env := wardtest.Command("stdin", "0")
		if strings.Contains(args[0], "family") {
			path, argv, env = wardtest.Command("family", "", "stay")
		}
		attr := attributes(args[0])
		attr.Env = env
		attr.Files = []*os.File{os.Stdin, os.Stdout, os.Stderr}
		if _, err := ward.Start(path, argv, attr); err != nil {
			complain("%v", err)
		}
		fmt.Println("ready")
		if args[1] == "exit" {
			os.Exit(6)
		}
		io.Copy(io.Discard, os.Stdin)
	})
}

// attributes reads the words "tree" and "kill".
func attributes(words string) *ward.Attr {
	return &ward.Attr{
		Tree:             strings.Contains(words, "tree"),
		KillOnParentExit: strings.Contains(words, "kill"),
	}
}

// relatives are a child with the helper family and its descendants.
type relatives struct {
	release func()        // has them end
	ended   chan struct{} // closed when the last one has ended
}

func startFamily(t *testing.T, attr *ward.Attr, args ...string) (ward.Handle, relatives) {
	t.Helper()
	in, hold := childtest.Pipe(t)
	out, w := childtest.Pipe(t)
	attr.Files = []*os.File{in, w, os.Stderr}
	h := start(t, attr, "family", args...)
	in.Close()
	w.Close()
	for range 1 + strings.Count(args[0], "family") {
		childtest.ReadLine(t, out)
	}
	f := relatives{func() { hold.Close() }, make(chan struct{})}
	go func() {
		defer close(f.ended)
		io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() {
		f.release()
		f.mustEnd(t)
	})
	return h, f
}

func (f relatives) mustEnd(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("somebody lives on")
	}
}

func (f relatives) mustLive(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
		t.Error("nobody lives on")
	case <-time.After(200 * time.Millisecond):
	}
}

func TestKillTreeKillsDescendants(t *testing.T) {
	for _, words := range []string{"tree", "tree kill"} {
		h, f := startFamily(t, attributes(words), "", "stay")
		if err := h.KillTree(); err != nil {
			t.Fatal(err)
		}
		if state := wait(t, h); state.ExitCode() != 1 {
			t.Errorf("%s: Wait() = %v", words, state)
		}
		f.mustEnd(t)
		if err := h.KillTree(); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s: a second KillTree: %v", words, err)
		}
	}
}

func TestKillLeavesDescendants(t *testing.T) {
	for _, words := range []string{"", "tree", "kill"} {
		h, f := startFamily(t, attributes(words), "", "stay")
		h.Kill()
		wait(t, h)
		f.mustLive(t)
		h.Close()
	}
}

func TestKillTreeAfterTheExitKillsTheRest(t *testing.T) {
	h, f := startFamily(t, attributes("tree"), "", "exit")
	if state := wait(t, h); state.ExitCode() != 6 {
		t.Errorf("Wait() = %v", state)
	}
	f.mustLive(t)
	if err := h.KillTree(); err != nil {
		t.Error(err)
	}
	f.mustEnd(t)
}

func TestKillTreeOfNobodyIsDone(t *testing.T) {
	h := start(t, attributes("tree"), "exit", "0")
	wait(t, h)
	if err := h.KillTree(); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("KillTree: %v", err)
	}
	h.Close()
	if err := h.KillTree(); !errors.Is(err, ward.ErrClosed) {
		t.Errorf("KillTree of a closed handle: %v", err)
	}
}

func TestTreeIsLetGoOf(t *testing.T) {
	for _, words := range []string{"tree", "tree kill"} {
		for how, letGo := range map[string]func(ward.Handle){
			"by Close":             func(h ward.Handle) { h.Close() },
			"by garbage collector": func(ward.Handle) {},
		} {
			t.Run(words+" "+how, func(t *testing.T) {
				before := wardtest.HandleCount("Job")
				h, f := startFamily(t, attributes(words), "", "exit")
				wait(t, h)
				if n := wardtest.HandleCount("Job"); n != before+1 {
					t.Errorf("%d jobs are open beside %d, want 1", n-before, before)
				}
				letGo(h)
				for range 20 {
					runtime.GC()
					if wardtest.HandleCount("Job") == before {
						break
					}
				}
				if n := wardtest.HandleCount("Job"); n != before {
					t.Errorf("%d jobs are left", n-before)
				}
				f.mustLive(t)
			})
		}
	}
}

// TestChildDiesWithTheProgram has a program, killed by TerminateProcess, that
// has a child, which may have one of its own.
func TestChildDiesWithTheProgram(t *testing.T) {
	for words, dies := range map[string]bool{
		"":                 false,
		"tree":             false,
		"kill":             true,
		"tree kill":        true,
		"family tree kill": true,
		"family kill":      false, // the grandchild stays
	} {
		t.Run(words, func(t *testing.T) {
			program, f := startFamily(t, new(ward.Attr), words, "stay")
			if err := program.WithHandle(func(fd uintptr) {
				if err := windows.TerminateProcess(windows.Handle(fd), 9); err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
			if state := wait(t, program); state.ExitCode() != 9 {
				t.Errorf("Wait() = %v", state)
			}
			if dies {
				f.mustEnd(t)
			} else {
				f.mustLive(t)
			}
		})
	}
}
