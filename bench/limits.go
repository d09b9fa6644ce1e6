package main

import (
	"fmt"
	"slices"
)

// A limit is how many children or descriptors at once one cause allows.
type limit struct {
	n     int
	cause string
}

// selfLimit bounds the live children where each is a whole Go program.
const selfLimit = 200

// capSizes lowers the sizes of a case to the lowest limit, drops those that are
// then the same, and says so.
func capSizes(name string, sizes []int, limits []limit) (capped []int, notes []string) {
	for _, size := range sizes {
		n, cause := size, ""
		for _, l := range limits {
			if l.n < n {
				n, cause = max(l.n, 0), l.cause
			}
		}
		if cause != "" {
			notes = append(notes, fmt.Sprintf("%s: %s instead of %s, as many as %s", name, thousands(n), thousands(size), cause))
		}
		if n > 0 && !slices.Contains(capped, n) {
			capped = append(capped, n)
		}
	}
	return capped, notes
}

// liveLimits are the bounds on children that live at once.
func liveLimits(p programs) []limit {
	limits := append(descriptorLimits(), processLimits()...)
	if !p.Small {
		limits = append(limits, limit{selfLimit, "is sensible while a child is this program itself"})
	}
	return limits
}
