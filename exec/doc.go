// Package exec is [os/exec] on top of package ward: change the import path, and
// a program full of exec.Command has the children and waits of package ward.
//
//	import "github.com/wardproc/ward/exec"
//
//	out, err := exec.Command("sort", "names").Output()
//
// Names, behaviour and error texts are those of os/exec, whose documentation
// holds; the comments here say what is different. What the program gains is
// what package ward promises: starts that cost the same beside ten thousand
// children, waits that hold no thread, signals that reach that process or
// nobody, and a status that is the child's or an error. That other code in the
// program cannot take it goes for Windows, FreeBSD and the field Private; for
// the rest see the tiers of package ward.
//
// Beyond os/exec, [Cmd.Wait] may be called again and by several goroutines,
// [Cmd.Handle] gives the [ward.Handle], the fields Private, KillOnParentExit and
// Tree are those of [ward.Attr], and the error about a pipe that a grandchild
// holds open names the pipe.
//
// The file MIGRATING.md of the module lists every difference.
package exec
