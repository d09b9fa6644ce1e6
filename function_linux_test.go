package ward_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	selftest.Register("removed", func([]string) {
		if err := os.Remove(selftest.Path()); err != nil {
			childtest.Complain("%v", err)
		}
		runGone()
	})
	selftest.Register("replaced", func([]string) {
		self := selftest.Path()
		other := self + ".new"
		err := os.WriteFile(other, []byte("no program\n"), 0o755)
		if err == nil {
			err = os.Rename(other, self)
		}
		if err != nil {
			childtest.Complain("%v", err)
		}
		runGone()
	})
}

// notRun is the exit code of runGone where the system does not run it.
const notRun = 6

// runGone runs a function of this program, which is not where it was.
func runGone() {
	path, argv, env := selftest.Command("exit", "0")
	if err := (&exec.Cmd{Path: path, Args: argv, Env: env}).Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(notRun)
	}
	os.Exit(resultOf(startVisible(result, nil, "5")))
}

func TestFunctionOfAProgramThatIsGoneFromDisk(t *testing.T) {
	selftest.NeedProc(t)
	for _, helper := range []string{"removed", "replaced"} {
		t.Run(helper, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "program")
			copyProgram(t, program)
			_, argv, env := selftest.Command(helper)
			h, err := ward.Start(program, argv, &ward.Attr{Env: env, Files: []*os.File{nil, os.Stderr, os.Stderr}})
			if err != nil {
				t.Fatal(err)
			}
			switch state := childtest.Wait(t, h); state.ExitCode() {
			case 5:
			case notRun:
				t.Skip("the system does not run /proc/self/exe of a program that is gone from disk")
			default:
				t.Error(state)
			}
		})
	}
}

// copyProgram copies the program that runs to path.
func copyProgram(t *testing.T, path string) {
	t.Helper()
	from, err := os.Open(selftest.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
}
