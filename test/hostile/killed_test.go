package hostile_test

import (
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	selftest.RegisterSized("killed", startUntilKilled)
	selftest.RegisterSized("kill", killStarters)
}

// TestNothingIsLeftOfAKilledProgram kills programs in the middle of their starts.
func TestNothingIsLeftOfAKilledProgram(t *testing.T) {
	inEachVariant(t, ward.Attr{}, "kill", 5, 100, "recover=off")
}

// killStarters starts programs that start children, and kills each after some of
// them. All that comes of a program has its output, parents and children that
// are not complete included: at the end of file everything is gone.
func killStarters(rounds int) {
	const patience = 30 * time.Second
	children, least, most := 200, 1, 100
	if runtime.GOOS == "windows" {
		// CreateProcess itself leaves a suspended process if its caller is killed
		// in the middle.
		children, least, most = 20, 20, 20
	}
	for range rounds {
		r, w, err := os.Pipe()
		if err != nil {
			childtest.Complain("%v", err)
		}
		path, argv, env := selftest.Command("killed", strconv.Itoa(children))
		h, err := ward.Start(path, argv, &ward.Attr{Env: env, Files: []*os.File{nil, w}})
		if err != nil {
			childtest.Complain("Start: %v", err)
		}
		w.Close()
		some := make([]byte, least+rand.IntN(most-least+1))
		if n, err := io.ReadFull(r, some); err != nil {
			childtest.Complain("%q for %d children: %v", some[:n], len(some), err)
		}
		if err := h.Kill(); err != nil {
			childtest.Complain("Kill: %v", err)
		}
		<-h.Done()
		// Where the read cannot have a deadline, that of the tests is the limit.
		r.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, r); err != nil {
			childtest.Complain("a process is left %v after its program was killed: %v",
				patience, err)
		}
		r.Close()
	}
}

// startUntilKilled starts children that end with their input, which is this
// program's to end, and writes a byte for each.
func startUntilKilled(n int) {
	input, end, err := os.Pipe()
	if err != nil {
		childtest.Complain("%v", err)
	}
	path, argv, env := waiting()
	var next atomic.Int64
	var starters sync.WaitGroup
	for range 8 {
		starters.Go(func() {
			for next.Add(1) <= int64(n) {
				attr := &ward.Attr{Env: env, Files: []*os.File{input, os.Stdout}}
				if _, err := childtest.StartProgram(path, argv, attr); err != nil {
					childtest.Complain("Start: %v", err)
				}
				os.Stdout.WriteString(".")
			}
		})
	}
	starters.Wait()
	time.Sleep(time.Hour)
	end.Close()
}
