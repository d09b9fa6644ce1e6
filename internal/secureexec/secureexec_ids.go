//go:build aix || illumos || solaris

package secureexec

// required sees no program that has set its ids before, or that has privileges
// (privileges(7)) for its file: package unix has no issetugid(2) here.
func required() bool { return Own().differ() }

func hasCapabilities(string) bool { return false }
