package ward

import (
	"os"

	"golang.org/x/sys/windows"
)

// environ is the environment of the child: that of its user, if it has one of
// its own and a says nothing.
func (a *Attr) environ() ([]string, error) {
	if a.Env != nil {
		return a.Env, nil
	}
	if a.Sys == nil || a.Sys.Token == 0 {
		return os.Environ(), nil
	}
	env, err := windows.Token(a.Sys.Token).Environ(false)
	return env, os.NewSyscallError("CreateEnvironmentBlock", err)
}
