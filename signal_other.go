//go:build !unix

package ward

import "os"

var terminate = os.Interrupt

func isNoSuchProcess(error) bool { return false }
