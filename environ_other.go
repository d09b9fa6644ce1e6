//go:build !windows

package ward

import "os"

// environ is the environment of the child.
func (a *Attr) environ() ([]string, error) {
	if a.Env == nil {
		return os.Environ(), nil
	}
	return a.Env, nil
}
