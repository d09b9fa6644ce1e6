// Package selftest runs the tests of ward's packages: children are the test
// binary itself, and nothing may be left behind.
package selftest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Long is set by -args -long: tests then run at full size.
var Long = flag.Bool("long", false, "run the tests at full size")

// variable names the helper that a child is to run.
const variable = "WARD_TEST_HELPER"

// RefuseVariable names system calls that the kernel is to refuse to the tests
// and to their children, and how: "clone3=EPERM,pidfd_open=ENOSYS". Linux only.
const RefuseVariable = "WARD_TEST_REFUSE"

// RaceOptions, in its environment, keep a child built with the race detector
// from sleeping for a second before it exits.
const RaceOptions = "GORACE=atexit_sleep_ms=0"

// helpers are the programs that the test binary can be.
var helpers = map[string]func(args []string){
	"exit":  exit,
	"stdin": stdin,
}

// Register adds a helper: a child started with Command(name) runs f with its
// arguments and exits with 0 if f returns.
func Register(name string, f func(args []string)) {
	if helpers[name] != nil {
		panic("helper registered twice: " + name)
	}
	helpers[name] = f
}

// RegisterSized adds a helper whose argument is a number.
func RegisterSized(name string, f func(n int)) {
	Register(name, func(args []string) { f(Number(args[0])) })
}

// Command returns path, arguments and environment of a child that runs the
// helper name.
func Command(name string, args ...string) (path string, argv, env []string) {
	self := Path()
	path = self
	if runtime.GOOS == "linux" && !LacksProc() {
		path = "/proc/self/exe" // open to every user, whatever folder it is in
	}
	return path, append([]string{self}, args...), append(os.Environ(), variable+"="+name, RaceOptions)
}

// Path returns the path of the test binary.
func Path() string {
	if self, err := os.Executable(); err == nil {
		return self
	}
	if filepath.IsAbs(os.Args[0]) {
		return os.Args[0] // Linux without /proc
	}
	panic("nothing tells where this program is: run it by its absolute path")
}

// LacksProc tells whether this is a Linux without /proc.
func LacksProc() bool {
	_, err := os.Stat("/proc/self/exe")
	return runtime.GOOS == "linux" && err != nil
}

// NeedProc skips a test of what only /proc has to show, or to give, on Linux.
func NeedProc(t testing.TB) {
	t.Helper()
	if LacksProc() {
		t.Skip("no /proc here")
	}
}

// Main is the body of a TestMain. In a child it runs the helper; else it prints
// about, runs the tests, and fails if a goroutine, a descriptor or a zombie is
// left.
func Main(m *testing.M, about func() string) {
	if name, ok := os.LookupEnv(variable); ok {
		f := helpers[name]
		if f == nil {
			fmt.Fprintf(os.Stderr, "no helper %q\n", name)
			os.Exit(120)
		}
		os.Unsetenv(variable)
		f(os.Args[1:])
		os.Exit(0)
	}
	flag.Parse()
	if err := refuseCalls(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(120)
	}
	fmt.Print(about())
	left := Watch()
	code := m.Run()
	if code == 0 {
		if err := left(); err != nil {
			fmt.Fprintln(os.Stderr, "left behind:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// Watch returns a function that returns an error if a goroutine, a zombie, or a
// descriptor that was not there yet, is left.
func Watch() (left func() error) {
	usePoller()
	before := descriptors()
	return func() error { return leaks(before) }
}

// usePoller has the Go runtime open its poller, which it never closes. On
// Windows it takes a timer.
func usePoller() {
	time.Sleep(time.Nanosecond)
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
}

// Goroutines returns an error if there are goroutines besides the caller's. It
// gives those that wait for children time, as goleak does with less patience
// than a machine under load needs.
func Goroutines() (err error) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if err = goleak.Find(); err == nil {
			return nil
		}
	}
	return err
}

// leaks gives the package the time it may linger, and the system the time to
// end what was killed.
func leaks(before []string) (err error) {
	if err := Goroutines(); err != nil {
		return err
	}
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var left []string
		for _, fd := range descriptors() {
			if !slices.Contains(before, fd) {
				left = append(left, fd)
			}
		}
		switch err = zombies(); {
		case err != nil:
		case len(left) > 0:
			err = fmt.Errorf("%d descriptors: %q", len(left), explain(left))
		default:
			return nil
		}
	}
	return err
}
