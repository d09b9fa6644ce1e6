package childtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	selftest.Register("family", func(args []string) { beFamily(args[0], args[1]) })
}

// beFamily starts a child with the attributes words, which holds standard output
// open and ends with standard input, and says its number. So does the child if
// words has "family" in it, with a child of its own. Then comes the fate.
func beFamily(words, fate string) {
	helper, args := "stdin", []string{"0"}
	if strings.Contains(words, "family") {
		helper, args = "family", []string{"", "stay"}
	}
	attr := Attributes(words)
	attr.Files = []*os.File{os.Stdin, os.Stdout, os.Stderr}
	h, err := TryStart(attr, helper, args...)
	if err != nil {
		Complain("%v", err)
	}
	fmt.Println(h.PID())
	Fates[fate]()
}

// Fates are what may become of a family's first member once it has a child.
var Fates = map[string]func(){
	"exit": func() { os.Exit(6) },
	"stay": func() { io.Copy(io.Discard, os.Stdin) },
}

// Attributes reads the words "tree" and "kill".
func Attributes(words string) *ward.Attr {
	return &ward.Attr{
		Tree:             strings.Contains(words, "tree"),
		KillOnParentExit: strings.Contains(words, "kill"),
	}
}

// NeedAttr skips a test where Start refuses what attr asks for.
func NeedAttr(t *testing.T, attr *ward.Attr) {
	t.Helper()
	NeedBackend(t)
	h, err := TryStart(attr, "exit", "0")
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	<-h.Done()
}

// Family are a child with the helper family and its descendants.
type Family struct {
	Release func()        // has them end, but for those with a fate of their own
	ended   chan struct{} // closed when the last one has ended
}

// StartFamily starts one: the child with attr, its descendants with words, which
// Attributes reads and in which "family" stands for another generation. The child
// meets its fate, one of Fates, when they are there.
func StartFamily(t *testing.T, attr *ward.Attr, words, fate string) (ward.Handle, Family) {
	t.Helper()
	in, hold := Pipe(t)
	out, w := Pipe(t)
	own := *attr
	own.Files = []*os.File{in, w, os.Stderr}
	h := Start(t, &own, "family", words, fate)
	in.Close()
	w.Close()
	for range 1 + strings.Count(words, "family") {
		ReadLine(t, out)
	}
	f := Family{func() { hold.Close() }, make(chan struct{})}
	go func() {
		defer close(f.ended)
		io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() {
		f.Release()
		f.MustEnd(t)
	})
	return h, f
}

// MustEnd fails the test if not all of them end.
func (f Family) MustEnd(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("somebody lives on")
	}
}

// MustLive fails the test if all of them have ended.
func (f Family) MustLive(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
		t.Error("nobody lives on")
	case <-time.After(200 * time.Millisecond):
	}
}
