package exec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// lookExtensions returns path, which is not searched for in PATH, with the
// extension that the file has: one of PATHEXT, if path has none of them.
func lookExtensions(path, dir string) (string, error) {
	if path == "." || path == ".." {
		return "", &Error{Name: path, Err: ErrNotFound}
	}
	if filepath.Base(path) == path {
		path = `.\` + path
	}
	if slices.ContainsFunc(extensions(), func(e string) bool { return strings.EqualFold(e, filepath.Ext(path)) }) {
		return path, nil
	}
	if dir == "" || filepath.VolumeName(path) != "" || os.IsPathSeparator(path[0]) {
		return LookPath(path)
	}
	full := filepath.Join(dir, path)
	found, err := LookPath(full)
	if err != nil {
		return "", err
	}
	return path + strings.TrimPrefix(found, full), nil
}

func extensions() []string {
	list := os.Getenv("PATHEXT")
	if list == "" {
		list = ".com;.exe;.bat;.cmd"
	}
	all := strings.FieldsFunc(list, func(r rune) bool { return r == ';' })
	for i, e := range all {
		all[i] = "." + strings.TrimPrefix(e, ".")
	}
	return all
}

// environError returns why the environment of another user's child cannot be
// had. It must not get this program's.
func environError(sys *syscall.SysProcAttr) error {
	if sys == nil || sys.Token == 0 {
		return nil
	}
	_, err := windows.Token(sys.Token).Environ(false)
	return err
}

func isBrokenPipe(err error) bool {
	return err == windows.ERROR_BROKEN_PIPE || err == windows.ERROR_NO_DATA
}
