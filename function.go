package ward

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/wardproc/ward/internal/secureexec"
)

// functionVariable names, in the environment of a child, the function that Main
// is to run.
const functionVariable = "WARD_FUNC"

// unknownFunction is the exit code of a child that does not know the function:
// that of a shell for a command that it does not find.
const unknownFunction = 127

var (
	// functions is complete when Main is called, and does not change then.
	functions  = make(map[string]*Function)
	mainCalled atomic.Bool
)

// A Function is a function of this program that can run in a child. [Func]
// makes one.
type Function struct {
	name string
	run  func(args []string) int
}

// Func makes run a [Function]. The name is what parent and child know it by: Func
// is to be called at package level, where both do.
//
//	var double = ward.Func("double", func(args []string) int { ... })
//
// It panics if the name is empty, has a NUL byte or belongs to another function,
// if run is nil, and after the call of [Main].
func Func(name string, run func(args []string) int) *Function {
	switch {
	case name == "" || strings.ContainsRune(name, 0):
		panic(fmt.Sprintf("ward.Func: %q cannot be the name of a function", name))
	case run == nil:
		panic(fmt.Sprintf("ward.Func: function %q is nil", name))
	case functions[name] != nil:
		panic(fmt.Sprintf("ward.Func: there are two functions %q", name))
	case mainCalled.Load():
		panic(fmt.Sprintf("ward.Func: function %q comes after ward.Main, where no child knows it: call Func at package level", name))
	}
	f := &Function{name, run}
	functions[name] = f
	return f
}

// Main is the first call in func main, or in TestMain, of a program that starts
// a [Function]:
//
//	func main() {
//		ward.Main()
//		...
//	}
//
// In the child it runs the function and exits with its result, as [os.Exit]
// does. Anywhere else it returns at once, and may be called again.
//
// The function runs on the goroutine of main, after the program's packages have
// been initialised. A panic in it ends the program with code 2 and a trace, as
// anywhere, and [runtime.Goexit] with code 2 and a message.
//
// The child knows the function by the environment variable WARD_FUNC, which Main
// takes away before the function runs. If the program has no function of that
// name, Main says so on standard error and exits with code 127. Whoever runs a
// program can set the variable, and so choose the function and its arguments. In
// secure-execution mode (see the package's Environment) Main takes it away and
// returns.
func Main() {
	mainCalled.Store(true)
	name, ok := os.LookupEnv(functionVariable)
	if !ok {
		return
	}
	os.Unsetenv(functionVariable)
	if secureexec.On() {
		return
	}
	f := functions[name]
	if f == nil {
		fmt.Fprintf(os.Stderr, "ward: this program has no function %q, which the environment variable %s asks for\n", name, functionVariable)
		os.Exit(unknownFunction)
	}
	f.exit()
}

// exit runs the function and exits with its result.
func (f *Function) exit() {
	defer func() {
		if cause := recover(); cause != nil {
			panic(cause)
		}
		// After a Goexit there would never be a result: the other goroutines go
		// on, and with cgo the runtime does not even notice that there is none.
		fmt.Fprintf(os.Stderr, "ward: function %q called runtime.Goexit\n", f.name)
		os.Exit(2)
	}()
	os.Exit(f.run(os.Args[1:]))
}

// Start runs the function with args in a child of its own, as the package's
// [Start] does with a program. The child is this program started anew: it shares
// no memory with this one, and has the files and the environment that attr says.
// It is always private: Start returns errors.ErrUnsupported where it would for
// Attr.Private. Before the call of [Main] it returns [ErrNoMain] and starts
// nothing.
//
// In secure-execution mode, where Main looks for no function, Start returns
// errors.ErrUnsupported and starts nothing. So it does where that mode awaits the
// child alone: if the program's effective ids are not its real ones, or if its file
// is set-user-ID or set-group-ID or has capabilities and the child has other ids than
// the program was started with. What a security module makes of the child, Start
// does not know.
//
// On Linux the child runs the very file that this program does, /proc/self/exe,
// even if another one has its name by now or it was removed: where proc(5) is not
// mounted, Start returns errors.ErrUnsupported. Elsewhere the program is found by
// [os.Executable].
func (f *Function) Start(attr *Attr, args ...string) (Handle, error) {
	path, argv, attr, err := f.command(attr, args)
	if err != nil {
		return nil, f.error(err)
	}
	h, err := Start(path, argv, attr)
	if errors.Is(err, fs.ErrNotExist) && path == selfPath {
		if _, missing := os.Stat(selfPath); missing != nil {
			err = f.error(errNoFile)
		}
	}
	return h, err
}

func (f *Function) error(err error) error {
	return &Error{Op: "start", Err: fmt.Errorf("function %q: %w", f.name, err)}
}

// errNoFile: the system does not show the program's own file.
const errNoFile = unsupported("a Function without /proc, which names the program's file")

// errSecure: the child would not run the function but the program's main.
const errSecure = unsupported("a Function in secure-execution mode (set-user-ID and the like)")

// command returns what the package's Start needs for the child.
func (f *Function) command(attr *Attr, args []string) (path string, argv []string, own *Attr, err error) {
	if !mainCalled.Load() {
		return "", nil, nil, ErrNoMain
	}
	if path, err = thisProgram(); err != nil {
		return "", nil, nil, err
	}
	own = new(Attr)
	if attr != nil {
		*own = *attr
	}
	if secureexec.On() || secureexec.Enters(path, own.ids()) {
		return "", nil, nil, errSecure
	}
	own.Private = true
	env, err := own.environ()
	if err != nil {
		return "", nil, nil, err
	}
	// One of the caller's would outlast Main on Windows, where it removes the first.
	env = slices.DeleteFunc(slices.Clone(env), isToken)
	own.Env = append(env, functionVariable+"="+f.name)
	argv0 := path
	if len(os.Args) > 0 {
		argv0 = os.Args[0]
	}
	return path, append([]string{argv0}, args...), own, nil
}

// isToken reports whether an entry of an environment is what Main looks for. On
// Windows case does not matter.
func isToken(entry string) bool {
	name, _, _ := strings.Cut(entry, "=")
	return strings.EqualFold(name, functionVariable)
}

// selfPath is the program's own file on Linux.
const selfPath = "/proc/self/exe"

// thisProgram returns a path of the program's file.
func thisProgram() (string, error) {
	if runtime.GOOS == "linux" || runtime.GOOS == "android" {
		return selfPath, nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return path, nil
}
