package selftest

import (
	"os"
	"path/filepath"
)

// descriptors returns the open descriptors, each with what it refers to.
func descriptors() []string {
	const dir = "/proc/self/fd"
	names, err := os.ReadDir(dir)
	if err != nil {
		panic(err)
	}
	var open []string
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(dir, name.Name()))
		if err != nil {
			continue // the one that read the directory
		}
		open = append(open, name.Name()+" "+target)
	}
	return open
}
