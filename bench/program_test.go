package main

import (
	"errors"
	"io"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/wardproc/ward/internal/tinyprog"
)

// eachPrograms runs a test with the ELF children, where there are any, and with
// this binary as the child.
func eachPrograms(t *testing.T, test func(*testing.T, programs)) {
	t.Run("elf", func(t *testing.T) {
		p, err := elfPrograms(t.TempDir())
		if err != nil {
			if tinyprog.Exit(runtime.GOARCH) != nil && runtime.GOOS == "linux" {
				t.Fatal(err)
			}
			t.Skipf("ELF children run on linux/amd64 and arm64 only: %v", err)
		}
		if !p.Small {
			t.Error("ELF children are not marked as small")
		}
		test(t, p)
	})
	t.Run("self", func(t *testing.T) {
		p, err := selfPrograms()
		if err != nil {
			t.Fatal(err)
		}
		test(t, p)
	})
}

func command(p program, code byte) *exec.Cmd {
	cmd := exec.Command(p.Path, p.argv(code)[1:]...)
	cmd.Env = p.Env
	return cmd
}

func TestExitExitsWithTheCodeItIsGiven(t *testing.T) {
	eachPrograms(t, func(t *testing.T, p programs) {
		for _, code := range []byte{0, 1, 42, 127} {
			err := command(p.Exit, code).Run()
			got := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				got = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if got != int(code) {
				t.Errorf("exit code is %d, want %d", got, code)
			}
		}
	})
}

func TestHoldLivesUntilItsInputEnds(t *testing.T) {
	eachPrograms(t, func(t *testing.T, p programs) {
		cmd := command(p.Hold, 0)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		if _, err := io.WriteString(stdin, "more than one byte"); err != nil {
			t.Error(err)
		}
		select {
		case err := <-done:
			t.Fatalf("ended before its input did: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		if err := stdin.Close(); err != nil {
			t.Error(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("lives on after the end of its input")
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			<-done
		}
	})
}

func TestNapSleepsAndWritesTheTime(t *testing.T) {
	eachPrograms(t, func(t *testing.T, p programs) {
		before, err := now()
		if err != nil {
			t.Fatal(err)
		}
		out, err := command(p.Nap, 0).Output()
		if err != nil {
			t.Fatal(err)
		}
		after, err := now()
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != stampSize {
			t.Fatalf("wrote %d bytes, want %d", len(out), stampSize)
		}
		stamp := stampFrom(out)
		if stamp.sub(before) < time.Millisecond || after.sub(stamp) < 0 {
			t.Errorf("stamp is %v after the start and %v before the end of a nap of 1 ms", stamp.sub(before), after.sub(stamp))
		}
	})
}

func TestStampSurvivesItsBytes(t *testing.T) {
	want := stamp{Sec: 1 << 40, Nsec: 999_999_999}
	if got := stampFrom(want.bytes()); got != want {
		t.Errorf("stamp is %v, want %v", got, want)
	}
	if d := (stamp{Sec: 3, Nsec: 1}).sub(stamp{Sec: 1, Nsec: 2}); d != 2*time.Second-1 {
		t.Errorf("difference is %v, want 1.999999999s", d)
	}
}
