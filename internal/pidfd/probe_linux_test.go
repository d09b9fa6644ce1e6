package pidfd

import (
	"os"
	"testing"

	"github.com/wardproc/ward/internal/probe"
	"golang.org/x/sys/unix"
)

// A process that runs stands for one whose end has been waited for in vain.
func TestStatusOfWhatHasNotEndedIsNoAnswer(t *testing.T) {
	if err := Recovers(); err != nil {
		t.Skip(err)
	}
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Skip(os.NewSyscallError("pidfd_open", err))
	}
	defer unix.Close(fd)
	for _, gone := range []bool{false, true} {
		if err := tellsStatus(fd, gone); err == nil || probe.Final(err) != gone {
			t.Errorf("gone %v: %v, final %v", gone, err, probe.Final(err))
		}
	}
}
