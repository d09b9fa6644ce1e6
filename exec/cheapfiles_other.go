//go:build !linux

package exec

import "os"

func streamPipe() (r, w *os.File, err error) { return os.Pipe() }

func openNull() (*os.File, error) { return os.OpenFile(os.DevNull, os.O_RDWR, 0) }
