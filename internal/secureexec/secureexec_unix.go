//go:build unix

package secureexec

import "os"

// Own returns those of the calling thread.
func Own() IDs { return IDs{os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid()} }

// gains reports whether a file may give privileges to who executes it.
func gains(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 || hasCapabilities(path)
}
