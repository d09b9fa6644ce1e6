// Package exec is [os/exec] on top of package ward: change the import path, and
// the children of a program full of exec.Command are private processes.
//
//	import "github.com/wardproc/ward/exec"
//
//	out, err := exec.Command("sort", "names").Output()
//
// Names, behaviour and error texts are those of os/exec, whose documentation
// holds; the comments here say what is different. What the program gains is
// what package ward promises: starts that cost the same beside ten thousand
// children, waits that hold no thread, signals that reach that process or
// nobody, and a status that other code in the program cannot take.
//
// Beyond os/exec, [Cmd.Wait] may be called again and by several goroutines,
// [Cmd.Handle] gives the [ward.Handle], the fields Private, KillOnParentExit and
// Tree are those of [ward.Attr], and the error about a pipe that a grandchild
// holds open names the pipe.
//
// The file MIGRATING.md of the module lists every difference.
package exec
