//go:build unix || windows

package probe

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// script is a probe that gives these answers, and then the last one for good.
func script(pause time.Duration, answers ...error) (p *Probe, asked *int) {
	asked = new(int)
	return &Probe{Pause: pause, Try: func() error {
		*asked++
		return answers[min(*asked, len(answers))-1]
	}}, asked
}

func TestProbeAsksAgainUntilTheAnswerIsFinal(t *testing.T) {
	answers := []error{
		syscall.EMFILE, syscall.EAGAIN, os.NewSyscallError("mmap", syscall.ENOMEM), syscall.EINTR,
		fmt.Errorf("clone3: %w", syscall.ENOSYS), nil,
	}
	p, asked := script(0, answers...)
	for i := range 10 {
		if err := p.Err(); err != answers[min(i, 4)] {
			t.Errorf("answer %d: %v", i, err)
		}
	}
	if *asked != 5 {
		t.Errorf("asked %d times, want 5", *asked)
	}
}

func TestProbeKeepsWhatIsFinal(t *testing.T) {
	for _, answer := range []error{
		nil, syscall.ENOSYS, syscall.EINVAL, syscall.ENOTTY, syscall.EOPNOTSUPP, errors.ErrUnsupported,
	} {
		p, asked := script(time.Nanosecond, answer, syscall.EPERM)
		for range 3 {
			if err := p.Err(); err != answer {
				t.Error(err)
			}
			time.Sleep(time.Millisecond)
		}
		if *asked != 1 {
			t.Errorf("%v: asked %d times", answer, *asked)
		}
	}
}

// mayPass are answers of which the next may be another one.
var mayPass = []error{
	syscall.EPERM, syscall.EACCES, syscall.ENOENT, syscall.ESRCH, errors.New("too late"),
	Passing(fmt.Errorf("killed: %w", errors.ErrUnsupported)),
}

func TestProbeAsksAgainWhenAnAnswerMayHavePassed(t *testing.T) {
	for _, answer := range mayPass {
		p, _ := script(time.Millisecond, answer, nil)
		if err := p.Err(); err != answer {
			t.Errorf("first answer %v, want %v", err, answer)
		}
		time.Sleep(2 * time.Millisecond)
		if err := p.Err(); err != nil {
			t.Errorf("it works after %v, and the answer is %v", answer, err)
		}
	}
}

func TestProbeAsksSeldomWhatIsRefused(t *testing.T) {
	for _, answer := range mayPass {
		p, asked := script(0, answer, nil)
		for range 100 {
			if err := p.Err(); err != answer {
				t.Errorf("%v after %v", err, answer)
			}
		}
		if *asked != 1 {
			t.Errorf("asked %d times for %v in no time", *asked, answer)
		}
	}
}

func TestRefusalsAreNamed(t *testing.T) {
	killed := Passing(fmt.Errorf("killed: %w", errors.ErrUnsupported))
	for _, err := range []error{syscall.EPERM, syscall.EACCES, syscall.ENOSYS, killed} {
		if !Refused(err) {
			t.Errorf("%v is a refusal", err)
		}
	}
	for _, err := range []error{nil, syscall.EMFILE, syscall.ENOENT} {
		if Refused(err) {
			t.Errorf("%v is no refusal", err)
		}
	}
}
