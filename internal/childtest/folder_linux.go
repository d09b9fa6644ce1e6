package childtest

import (
	"os"
	"path/filepath"
	"testing"
)

// OpenFolder returns a folder that every user comes to, and that ends with the test.
func OpenFolder(t *testing.T) string {
	t.Helper()
	for _, parent := range []string{os.TempDir(), "/tmp", "/dev/shm", "/var/tmp"} {
		dir, err := os.MkdirTemp(parent, "ward")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if os.Chmod(dir, 0o755) == nil && isOpen(dir) {
			return dir
		}
	}
	t.Skip("no folder for temporary files that every user comes to")
	return ""
}

// isOpen reports whether every user comes to a folder.
func isOpen(dir string) bool {
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&1 == 0 {
			return false
		}
	}
	return true
}
