//go:build !linux && !(freebsd && (amd64 || arm64 || riscv64))

package ward

import "runtime"

func setSubreaper(bool) error {
	return &Error{Op: "subreaper", Err: unsupported("a subreaper on " + runtime.GOOS)}
}
