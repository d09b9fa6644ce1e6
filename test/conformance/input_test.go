package conformance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

const inputProgram = "WARD_TEST_INPUT_PROGRAM"

// TestProgramIsAnInputOfTheTest looks at the record by which go test knows that a result
// is out of date.
func TestProgramIsAnInputOfTheTest(t *testing.T) {
	childtest.NeedBackend(t)
	if os.Getenv(inputProgram) != "" {
		ward.Start(os.Getenv(inputProgram), nil, nil)
		return
	}
	missing := filepath.Join(os.TempDir(), "ward-missing")
	file, err := os.CreateTemp("", "ward-record") // Wine cannot remove a folder
	if err != nil {
		t.Fatal(err)
	}
	record := file.Name()
	file.Close()
	defer os.Remove(record)
	argv := []string{"test", "-test.run=^TestProgramIsAnInputOfTheTest$", "-test.testlogfile=" + record}
	state, err := ward.Run(t.Context(), selftest.Path(), argv, &ward.Attr{Env: append(os.Environ(), inputProgram+"="+missing)})
	if err != nil || !state.Success() {
		t.Fatal(state, err)
	}
	lines, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(lines), "stat "+missing+"\n") {
		t.Errorf("%s is not in the record:\n%s", missing, lines)
	}
}
