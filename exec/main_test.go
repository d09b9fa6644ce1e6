package exec_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/exec"
	"github.com/wardproc/ward/internal/selftest"
)

func TestMain(m *testing.M) {
	selftest.Main(m, func() string { return ward.Capabilities().String() })
}

func init() {
	selftest.Register("cat", func([]string) { io.Copy(os.Stdout, os.Stdin) })

	// write prints so many bytes to standard output and to standard error, and
	// exits with a code.
	selftest.Register("write", func(args []string) {
		fmt.Print(strings.Repeat("o", selftest.Number(args[0])))
		fmt.Fprint(os.Stderr, strings.Repeat("e", selftest.Number(args[1])))
		os.Exit(selftest.Number(args[2]))
	})

	// leave exits with 0 and leaves a child that holds standard output and
	// standard error until its own standard input ends.
	selftest.Register("leave", func([]string) { startHolder() })

	// parent is leave that waits for its child.
	selftest.Register("parent", func([]string) { startHolder().Wait() })

	// deaf says so when it ignores interrupts.
	selftest.Register("deaf", func([]string) {
		signal.Ignore(os.Interrupt)
		fmt.Println("deaf")
		io.Copy(io.Discard, os.Stdin)
	})

	// polite exits with 0 at an interrupt.
	selftest.Register("polite", func([]string) {
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		fmt.Println("polite")
		<-interrupted
	})
}

func startHolder() *exec.Cmd {
	child := helper("stdin", "0")
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("started")
	return child
}

// helper returns a Cmd for a helper of this package or of selftest.
func helper(name string, args ...string) *exec.Cmd {
	path, argv, env := selftest.Command(name, args...)
	cmd := exec.Command(path, argv[1:]...)
	cmd.Env = env
	return cmd
}

// command is helper for a test, which it skips where there are no processes.
func command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	needProcesses(t)
	return helper(name, args...)
}

func commandContext(t testing.TB, ctx context.Context, name string, args ...string) *exec.Cmd {
	t.Helper()
	model := command(t, name, args...)
	cmd := exec.CommandContext(ctx, model.Path, model.Args[1:]...)
	cmd.Env = model.Env
	return cmd
}

func needProcesses(t testing.TB) {
	t.Helper()
	if ward.Capabilities().Tier == ward.TierNone {
		t.Skip("ward has no backend for " + runtime.GOOS)
	}
}

// check ends the test if err is not nil.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pipe returns a pipe whose ends are closed at the end of the test.
func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	check(t, err)
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}
