//go:build unix && !linux

package conformance_test

import "os"

func whyNoPrivilege(program *os.File) string {
	return "the file system of " + program.Name() + " may be mounted nosuid"
}
