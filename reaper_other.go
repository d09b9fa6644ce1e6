//go:build !linux

package ward

import (
	"context"
	"runtime"
)

func (*Reaper) run(context.Context) error {
	return &Error{Op: "reap", Err: unsupported("a Reaper on " + runtime.GOOS)}
}
