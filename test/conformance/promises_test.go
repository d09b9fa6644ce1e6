package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// A line of the table in doc.go: a folder's word, if it is another, and a test.
var promiseLine = regexp.MustCompile(`(?m)^//\t(?:(.+) )?(Test\w+)$`)

// TestTableOfPromisesNamesRealTests has the table in doc.go keep up with the tests,
// of any system.
func TestTableOfPromisesNamesRealTests(t *testing.T) {
	_, self, _, _ := runtime.Caller(0)
	own := filepath.Dir(self)
	doc, err := os.ReadFile(filepath.Join(own, "doc.go"))
	if err != nil {
		t.Skipf("the sources that this program was built from are not here: %v", err)
	}
	folders := map[string]string{
		"":               readTests(t, own),
		"test/hostile":   readTests(t, filepath.Join(own, "..", "hostile")),
		"ward":           readTests(t, filepath.Join(own, "..", "..")),
		"internal/pidfd": readTests(t, filepath.Join(own, "..", "..", "internal", "pidfd")),
		"internal/spawn": readTests(t, filepath.Join(own, "..", "..", "internal", "spawn")),
	}
	lines := promiseLine.FindAllStringSubmatch(string(doc), -1)
	for _, line := range lines {
		if !strings.Contains(folders[line[1]], "\nfunc "+line[2]+"(t *testing.T)") {
			t.Errorf("doc.go has %q, which does not exist", line[0])
		}
	}
	if len(lines) == 0 {
		t.Error("doc.go names no test")
	}
}

// readTests returns the text of a folder's tests.
func readTests(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", folder, err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
