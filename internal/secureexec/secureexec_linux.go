package secureexec

import "golang.org/x/sys/unix"

// atSecure is AT_SECURE of getauxval(3), which covers file capabilities and security
// modules, too.
const atSecure = 23

func required() bool {
	vector, _ := unix.Auxv()
	for _, entry := range vector {
		if entry[0] == atSecure {
			return entry[1] != 0
		}
	}
	return Own().differ() || !dumpable()
}

// dumpable reports whether the program was so at its start, as it is not in
// secure-execution mode, unless fs.suid_dumpable is 1. The Go runtime does not find the
// auxiliary vector when ld.so has removed a variable, such as TMPDIR, from the
// environment before it, and then may not read /proc/self/auxv.
func dumpable() bool {
	flag, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return err == nil && flag == 1
}

func hasCapabilities(path string) bool {
	_, err := unix.Getxattr(path, "security.capability", nil)
	return err == nil
}
