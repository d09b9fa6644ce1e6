//go:build unix

package exec_test

import "syscall"

// attributes are for starts that fail, in package syscall or in the child.
var attributes = map[string]*syscall.SysProcAttr{
	"missing terminal": {Setctty: true, Ctty: 9},
	"two terminals":    {Setctty: true, Foreground: true},
	"no terminal":      {Setsid: true, Setctty: true, Ctty: 1},
}
