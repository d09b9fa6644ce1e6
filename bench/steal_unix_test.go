//go:build unix && !aix

package main

import (
	"syscall"
	"testing"
	"time"
)

func TestStealTakesAStatus(t *testing.T) {
	p, err := selfPrograms()
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(p.Exit, 3)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		steal()
		if syscall.Kill(cmd.Process.Pid, 0) == syscall.ESRCH {
			break // no zombie either
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := (osExec{}).wait(cmd); err == nil {
		t.Error("os/exec still has the status")
	}
}
