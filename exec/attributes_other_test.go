//go:build !unix

package exec_test

import "syscall"

var attributes map[string]*syscall.SysProcAttr
