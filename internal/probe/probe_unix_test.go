//go:build unix

package probe

import (
	"fmt"
	"syscall"
	"testing"
)

func TestProbeAsksAgainUntilTheAnswerIsCertain(t *testing.T) {
	answers := []error{syscall.EMFILE, syscall.EAGAIN, syscall.ENOMEM, fmt.Errorf("clone3: %w", syscall.EPERM), nil}
	asked := 0
	p := Probe{Try: func() error { asked++; return answers[asked-1] }}
	for i := range 10 {
		if err := p.Err(); err != answers[min(i, 3)] {
			t.Errorf("answer %d: %v", i, err)
		}
	}
	if asked != 4 {
		t.Errorf("asked %d times, want 4", asked)
	}
}

func TestProbeKeepsSuccess(t *testing.T) {
	asked := 0
	p := Probe{Try: func() error { asked++; return nil }}
	for range 3 {
		if err := p.Err(); err != nil {
			t.Error(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}
