//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package secureexec

import "golang.org/x/sys/unix"

func required() bool { return unix.Issetugid() || Own().differ() }

func hasCapabilities(string) bool { return false }
