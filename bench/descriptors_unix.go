//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// descriptorLimits leaves some descriptors for the program itself. Go has
// raised the soft limit to the hard one by the time this runs.
func descriptorLimits() []limit {
	const spare = 64
	var rlimit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &rlimit); err != nil {
		return nil
	}
	allowed := int(min(uint64(rlimit.Cur), 1<<30))
	return []limit{{allowed - spare, fmt.Sprintf("RLIMIT_NOFILE allows, which is %s", thousands(allowed))}}
}
