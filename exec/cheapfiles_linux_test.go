package exec_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wardproc/ward/exec"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("flags", func([]string) {
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

// TestPipeToStdinBlocksInAnotherChild has a reader that gives the pipe, which it
// writes itself to, to another command.
func TestPipeToStdinBlocksInAnotherChild(t *testing.T) {
	flags, cmd := command(t, "flags"), command(t, "cat")
	cmd.Stdin = source(func(w io.Writer) error {
		flags.Stdout = w
		return flags.Run()
	})
	out, err := cmd.Output()
	check(t, err)
	if want := strings.Repeat("false <nil>\n", 3); string(out) != want {
		t.Errorf("O_NONBLOCK is %q", out)
	}
}

// A source is a reader that only writes.
type source func(io.Writer) error

func (source) Read([]byte) (int, error) { panic("read") }

func (s source) WriteTo(w io.Writer) (int64, error) { return 0, s(w) }
