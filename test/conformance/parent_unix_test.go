//go:build unix

package conformance_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/wardtest"
)

func init() {
	fates["execute"] = func() {
		path, argv, env := wardtest.Command("without files")
		complain("%v", syscall.Exec(path, argv, env))
	}
	wardtest.Register("without files", func([]string) {
		os.Stdin.Close()
		os.Stdout.Close()
		time.Sleep(time.Minute)
	})
}

func TestChildDiesWhenTheProgramExecutesAnotherOne(t *testing.T) {
	needBackend(t)
	needAttr(t, attributes("kill"))
	for words, dies := range map[string]bool{"": false, "kill": true} {
		program := startFamily(t, new(ward.Attr), words, "execute")
		if dies {
			program.mustEnd(t)
		} else {
			program.mustLive(t)
		}
		if _, err := program.TryWait(); err != ward.ErrRunning {
			t.Errorf("the program itself: %v", err)
		}
	}
}
