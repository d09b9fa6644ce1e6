package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// tiers lists, newest kernel first, what ward may say of itself since when.
// PIDFD_INFO_EXIT came with Linux 6.15, CLONE_AUTOREAP with 7.1.
var tiers = []struct {
	major, minor int
	allowed      []string
}{
	{7, 1, []string{"private", "recoverable"}},
	{6, 15, []string{"recoverable"}},
	{0, 0, []string{"detectable"}},
}

// checkTier fails if a feature that the kernel has was not found, or one that
// it lacks was. A suite that names no tier is not checked.
func checkTier(release, tier string) error {
	if tier == "" {
		return nil
	}
	v := numbers.FindAllString(release, 2)
	if len(v) < 2 {
		return fmt.Errorf("no version in kernel release %q", release)
	}
	major, _ := strconv.Atoi(v[0])
	minor, _ := strconv.Atoi(v[1])
	for _, t := range tiers {
		if major < t.major || major == t.major && minor < t.minor {
			continue
		}
		if !slices.Contains(t.allowed, tier) {
			return fmt.Errorf("tier %s on Linux %d.%d, want %s", tier, major, minor, strings.Join(t.allowed, " or "))
		}
		break
	}
	return nil
}
