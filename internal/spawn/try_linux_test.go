//go:build linux && (amd64 || arm64)

package spawn

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

func TestTryingRaisesNoSIGCHLD(t *testing.T) {
	if err := Works(); err != nil {
		t.Skip(err)
	}
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGUSR1)
	defer signal.Stop(signals)
	if err := tryClone(0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond) // SIGUSR1 has the lower number and would come first
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	if s := <-signals; s != syscall.SIGUSR1 {
		t.Errorf("a trial raised %v", s)
	}
}
