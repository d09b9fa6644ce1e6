//go:build !linux

package exec

import "os"

func streamPipe() (r, w *os.File, err error) { return os.Pipe() }
