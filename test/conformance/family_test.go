package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/wardtest"
)

func init() {
	wardtest.Register("family", func(args []string) { beFamily(args[0], args[1]) })
}

// beFamily starts a child with the attributes words, which holds standard output
// open and ends with standard input, and says so. So does the child if words has
// "family" in it, with a child of its own. Then comes the fate.
func beFamily(words, fate string) {
	helper, args := "stdin", []string{"0"}
	if strings.Contains(words, "family") {
		helper, args = "family", []string{"", "stay"}
	}
	attr := attributes(words)
	attr.Files = []*os.File{os.Stdin, os.Stdout, os.Stderr}
	if _, err := tryStart(attr, helper, args...); err != nil {
		complain("%v", err)
	}
	fmt.Println("ready")
	fates[fate]()
}

// fates are what may become of a family's parent once it has said "ready".
var fates = map[string]func(){
	"exit": func() { os.Exit(6) },
	"stay": func() { io.Copy(io.Discard, os.Stdin) },
}

// attributes reads the words "tree" and "kill".
func attributes(words string) *ward.Attr {
	return &ward.Attr{
		Tree:             strings.Contains(words, "tree"),
		KillOnParentExit: strings.Contains(words, "kill"),
	}
}

// needAttr skips a test where Start refuses what attr asks for. Where it must
// not, TestStartGivesWhatIsAskedForOrNamesIt fails.
func needAttr(t *testing.T, attr *ward.Attr) {
	t.Helper()
	h, err := tryStart(attr, "exit", "0")
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	<-h.Done()
}

// family is a child with the helper family and its descendants.
type family struct {
	ward.Handle
	release func()        // has them end
	ended   chan struct{} // closed when the last one has ended
}

// startFamily starts one, with attr for the child and words and fate for beFamily.
func startFamily(t *testing.T, attr *ward.Attr, words, fate string) family {
	t.Helper()
	in, hold := pipe(t)
	out, w := pipe(t)
	attr.Files = []*os.File{in, w, os.Stderr}
	h := start(t, attr, "family", words, fate)
	in.Close()
	w.Close()
	for range 1 + strings.Count(words, "family") {
		readLine(t, out)
	}
	f := family{h, func() { hold.Close() }, make(chan struct{})}
	go func() {
		defer close(f.ended)
		io.Copy(io.Discard, out)
	}()
	t.Cleanup(func() {
		f.release()
		h.Kill()
		<-h.Done()
		f.mustEnd(t)
	})
	return f
}

func (f family) mustEnd(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("somebody lives on")
	}
}

func (f family) mustLive(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
		t.Error("nobody lives on")
	case <-time.After(200 * time.Millisecond):
	}
}
