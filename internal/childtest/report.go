package childtest

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/wardproc/ward"
)

// Complain ends a helper that has found something wrong.
func Complain(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	os.Exit(1)
}

// skipping is what a helper writes first that calls Skip.
const skipping = "skip: "

// Skip ends a helper that cannot check anything, and skips its test.
func Skip(format string, args ...any) {
	fmt.Printf(skipping+format+"\n", args...)
	os.Exit(0)
}

// Report runs a helper that checks something by itself: it fails the test with
// what the helper printed if that exits with another code than 0.
func Report(t *testing.T, attr *ward.Attr, helper string, args ...string) string {
	t.Helper()
	r, w := Pipe(t)
	var a ward.Attr
	if attr != nil {
		a = *attr
	}
	a.Files = []*os.File{nil, w, w}
	h := Start(t, &a, helper, args...)
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if state := Wait(t, h); !state.Success() {
		t.Errorf("%s: %v\n%s", helper, state, text)
	} else if reason, ok := strings.CutPrefix(string(text), skipping); ok {
		t.Skip(reason)
	} else if len(text) > 0 {
		t.Logf("%s", text)
	}
	return string(text)
}
