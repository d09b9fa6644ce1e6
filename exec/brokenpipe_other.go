//go:build !windows && !plan9

package exec

import "syscall"

func isBrokenPipe(err error) bool { return err == syscall.EPIPE }
