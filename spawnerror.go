//go:build linux || freebsd

package ward

import (
	"io/fs"

	"github.com/wardproc/ward/internal/spawn"
)

// childError is an error of a spawn program in the words of os.StartProcess: without the
// name of the call, as users know it, but for a directory, which it names.
func (a *Attr) childError(name string, failed *spawn.Error) error {
	switch failed.Call {
	case "chroot":
		return &fs.PathError{Op: "chroot", Path: a.root(), Err: failed.Errno}
	case "chdir":
		return &fs.PathError{Op: "chdir", Path: a.Dir, Err: failed.Errno}
	}
	return &fs.PathError{Op: startOp, Path: name, Err: failed.Errno}
}
