package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	selftest.Register("print value", func([]string) { os.Stdout.WriteString(os.Getenv("WARD_TEST_VALUE")) })
	selftest.Register("misspelt", func([]string) { startWithMisspeltSetting() })
	selftest.Register("unrelated", func([]string) { startWithUnrelatedVariable() })
}

func TestChildWithoutEnvHasTheProgramsOwn(t *testing.T) {
	childtest.NeedBackend(t)
	// Without its environment the child would run these tests.
	path, argv, env := selftest.Command("print value", "-test.run=^$")
	for _, entry := range append(env, "WARD_TEST_VALUE=of the program") {
		if name, value, _ := strings.Cut(entry, "="); name != "" {
			t.Setenv(name, value)
		}
	}
	r, w := childtest.Pipe(t)
	h, err := childtest.StartProgram(path, argv, &ward.Attr{Files: []*os.File{nil, w, os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	got, err := io.ReadAll(r)
	childtest.Wait(t, h)
	if string(got) != "of the program" || err != nil {
		t.Errorf("child has %q, %v", got, err)
	}
}

func TestMisspeltSettingIsAnErrorOfStart(t *testing.T) {
	childtest.Report(t, nil, "misspelt")
}

// Other programs use the variable WARD for something else.
func TestVariableWARDIsNotLookedAt(t *testing.T) {
	childtest.Report(t, nil, "unrelated")
}

func startWithUnrelatedVariable() {
	os.Setenv("WARD", "ICU")
	h, err := childtest.TryStart(nil, "exit", "0")
	if err != nil {
		childtest.Complain("Start() = %v", err)
	}
	<-h.Done()
}

func startWithMisspeltSetting() {
	os.Setenv("WARDDEBUG", "bakend=fallback") // which the first start reads
	h, err := childtest.TryStart(nil, "exit", "0")
	var typed *ward.Error
	text := fmt.Sprint(err)
	if !errors.As(err, &typed) || typed.Op != "start" || typed.Path == "" ||
		!strings.Contains(text, `"bakend"`) || !strings.Contains(text, "recover=off") {
		childtest.Complain("Start() = %v, %v", h, err)
	}
}
