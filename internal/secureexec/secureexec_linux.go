package secureexec

import "golang.org/x/sys/unix"

// atSecure is AT_SECURE of getauxval(3), which covers file capabilities and security
// modules, too.
const atSecure = 23

func required() bool {
	vector, err := unix.Auxv()
	if err != nil {
		return Own().differ()
	}
	for _, entry := range vector {
		if entry[0] == atSecure {
			return entry[1] != 0
		}
	}
	return Own().differ()
}

func hasCapabilities(path string) bool {
	_, err := unix.Getxattr(path, "security.capability", nil)
	return err == nil
}
