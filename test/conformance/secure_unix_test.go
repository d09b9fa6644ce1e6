//go:build unix

package conformance_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

const (
	otherUser   = 65534 // the user who runs the program
	noPrivilege = 77    // the exit code of a program that its file gave nothing
)

var unwanted = ward.Func("unwanted", func([]string) int { return 9 })

func init() {
	selftest.Register("set-user-ID", func([]string) {
		if os.Geteuid() == os.Getuid() {
			os.Exit(noPrivilege)
		}
		trustNoEnvironment()
	})
	selftest.Register("function of other ids", func([]string) { startWithOtherIDs() })
	selftest.Register("function with other effective ids", func([]string) {
		if err := syscall.Seteuid(otherUser); err != nil {
			childtest.Complain("seteuid: %v", err)
		}
		mustRefuse(nil)
	})
}

// trustNoEnvironment runs in secure-execution mode with WARD_FUNC and WARDDEBUG set.
// Main has been called.
func trustNoEnvironment() {
	if name, ok := os.LookupEnv("WARD_FUNC"); ok {
		childtest.Complain("Main leaves WARD_FUNC=%s to the program's children", name)
	}
	h, err := childtest.TryStart(nil, "exit", "5")
	if err != nil {
		childtest.Complain("Start: %v", err)
	}
	if state, err := h.Wait(context.Background()); err != nil || state.ExitCode() != 5 {
		childtest.Complain("Wait: %v, %v", state, err)
	}
	mustRefuse(nil)
}

// mustRefuse complains if a function can be started whose child would run main.
func mustRefuse(sys *syscall.SysProcAttr) {
	_, _, env := selftest.Command("exit") // what main is to do if it does run
	h, err := unwanted.Start(&ward.Attr{Env: env, Sys: sys}, "3")
	var typed *ward.Error
	if h != nil || !errors.As(err, &typed) || !errors.Is(err, errors.ErrUnsupported) ||
		!strings.Contains(err.Error(), "secure-execution mode") {
		childtest.Complain("Start of a function: %v, %v", h, err)
	}
}

// startWithOtherIDs runs as root, which is also the owner of its set-user-ID file.
func startWithOtherIDs() {
	if h, err := unwanted.Start(nil); err == nil {
		if state, err := h.Wait(context.Background()); err != nil || state.ExitCode() != 9 {
			childtest.Complain("function with the program's ids: %v, %v", state, err)
		}
	} else if strings.Contains(err.Error(), "secure-execution mode") {
		childtest.Complain("function with the program's ids: %v", err)
	}
	mustRefuse(asUser(otherUser))
}

func asUser(id uint32) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
}

func TestSetUserIDProgramTrustsNoEnvironment(t *testing.T) {
	program := ownCopy(t)
	if err := program.Chmod(os.ModeSetuid | 0o755); err != nil {
		t.Fatal(err)
	}
	runSecure(t, program, "set-user-ID")
}

func TestFunctionIsRefusedWhereItsChildWouldBeSetUserID(t *testing.T) {
	program := ownCopy(t)
	if err := program.Chmod(os.ModeSetuid | 0o755); err != nil {
		t.Fatal(err)
	}
	_, _, env := selftest.Command("function of other ids")
	state, text := runCopy(t, program, nil, "function of other ids", env)
	if !state.Success() {
		t.Errorf("%v\n%s", state, text)
	}
}

func TestFunctionIsRefusedWithOtherEffectiveIDs(t *testing.T) {
	needOtherUser(t)
	childtest.Report(t, nil, "function with other effective ids")
}

// needOtherUser skips a test where nobody may become another user.
func needOtherUser(t *testing.T) {
	t.Helper()
	childtest.NeedBackend(t)
	if err := selftest.MayBecome(otherUser); err != nil {
		t.Skip(err)
	}
}

// ownCopy returns a copy of this program, open for reading, in a file of its own.
func ownCopy(t *testing.T) *os.File {
	t.Helper()
	needOtherUser(t)
	self := selftest.Path()
	from, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	dir := selftest.TempDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "program")
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close()); err != nil {
		t.Fatal(err)
	}
	program, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return program
}

// runSecure runs a helper in a copy of the program as another user: first to see that
// the file gives privileges, and then with the variables set that do not count.
func runSecure(t *testing.T, program *os.File, helper string) {
	t.Helper()
	childtest.NeedCredential(t)
	_, _, env := selftest.Command(helper)
	state, text := runCopy(t, program, asUser(otherUser), helper, env)
	if state.ExitCode() == noPrivilege {
		if why := whyNoPrivilege(program); why != "" {
			t.Skip("a file gives no privileges here: " + why)
		}
	}
	if state.Success() {
		env = append(withoutVariable(env, "WARDDEBUG"), "WARD_FUNC=unwanted", "WARDDEBUG=backend=none")
		state, text = runCopy(t, program, asUser(otherUser), helper, env)
	}
	if !state.Success() {
		t.Errorf("%v\n%s", state, text)
	}
}

// runCopy runs a helper in a copy of the program, and returns how it ended and what it
// wrote.
func runCopy(
	t *testing.T, program *os.File, sys *syscall.SysProcAttr, helper string, env []string,
) (*ward.State, string) {
	t.Helper()
	r, w := childtest.Pipe(t)
	_, argv, _ := selftest.Command(helper)
	path := program.Name()
	if runtime.GOOS == "linux" {
		path = "/proc/self/fd/3" // whatever folder it is in
	}
	h, err := childtest.StartProgram(path, argv, &ward.Attr{
		Env: env, Sys: sys, Files: []*os.File{nil, w, w, program},
	})
	w.Close()
	if errors.Is(err, fs.ErrPermission) && path == program.Name() {
		t.Skipf("the folder for temporary files is closed to other users: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(r)
	return childtest.Wait(t, h), string(text)
}

// withoutVariable returns env without one that would come first.
func withoutVariable(env []string, name string) (rest []string) {
	for _, entry := range env {
		if !strings.HasPrefix(entry, name+"=") {
			rest = append(rest, entry)
		}
	}
	return rest
}
