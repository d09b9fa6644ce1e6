//go:build !windows

package exec

import "syscall"

func lookExtensions(path, _ string) (string, error) { return path, nil }

func environError(*syscall.SysProcAttr) error { return nil }
