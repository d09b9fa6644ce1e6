//go:build unix

package conformance_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
)

func init() {
	childtest.Fates["execute"] = func() {
		path, argv, env := selftest.Command("without files")
		childtest.Complain("%v", syscall.Exec(path, argv, env))
	}
	selftest.Register("without files", func([]string) {
		os.Stdin.Close()
		os.Stdout.Close()
		time.Sleep(time.Minute)
	})
}

func TestChildDiesWhenTheProgramExecutesAnotherOne(t *testing.T) {
	childtest.NeedAttr(t, childtest.Attributes("kill"))
	for words, dies := range map[string]bool{"": false, "kill": true} {
		program, f := childtest.StartFamily(t, new(ward.Attr), words, "execute")
		t.Cleanup(func() {
			program.Kill()
			<-program.Done()
		})
		if dies {
			f.MustEnd(t)
		} else {
			f.MustLive(t)
		}
		if _, err := program.TryWait(); err != ward.ErrRunning {
			t.Errorf("the program itself: %v", err)
		}
	}
}
