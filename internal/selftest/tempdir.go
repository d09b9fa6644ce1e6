package selftest

import (
	"os"
	"path/filepath"
	"testing"
)

// TempDir is t.TempDir for a folder without folders in it. Wine 8 can remove it
// by os.Remove only, and not by os.RemoveAll.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ward")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		entries, _ := os.ReadDir(dir)
		for _, entry := range entries {
			os.Remove(filepath.Join(dir, entry.Name()))
		}
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
