//go:build !linux

package exec

import "os"

func streamPipe(d direction) (child, parent *os.File, err error) { return osPipe(d) }
