package exec_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wardproc/ward/exec"
	"github.com/wardproc/ward/internal/wardtest"
	"golang.org/x/sys/unix"
)

func init() {
	wardtest.Register("flags", func([]string) {
		for fd := range 3 {
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
			fmt.Println(flags&unix.O_NONBLOCK != 0, err)
		}
	})
}

// TestFilesOfTheChildBlock is for children that know nothing of EAGAIN.
func TestFilesOfTheChildBlock(t *testing.T) {
	for name, set := range map[string]func(cmd *exec.Cmd){
		"nothing": func(*exec.Cmd) {},
		"streams": func(cmd *exec.Cmd) { cmd.Stdin, cmd.Stderr = strings.NewReader(""), new(bytes.Buffer) },
		"pipes": func(cmd *exec.Cmd) {
			_, err := cmd.StdinPipe()
			check(t, err)
			_, err = cmd.StderrPipe()
			check(t, err)
		},
		"another's pipe": func(cmd *exec.Cmd) {
			before := command(t, "exit", "0")
			stdout, err := before.StdoutPipe()
			check(t, err)
			check(t, before.Start())
			t.Cleanup(func() { check(t, before.Wait()) })
			cmd.Stdin = stdout
		},
	} {
		var out bytes.Buffer
		cmd := command(t, "flags")
		cmd.Stdout = io.MultiWriter(&out)
		set(cmd)
		check(t, cmd.Run())
		if want := strings.Repeat("false <nil>\n", 3); out.String() != want {
			t.Errorf("with %s, O_NONBLOCK is %q", name, out.String())
		}
	}
}
