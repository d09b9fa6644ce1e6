package hostile_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

// A suspect is a child that may have been killed on its way out.
type suspect struct {
	ward.Handle
	code byte

	mu     sync.Mutex // held over Kill; guards killed
	killed bool
}

func startSuspect(code byte) (*suspect, error) {
	path, argv, env := exiting(code)
	h, err := childtest.StartProgram(path, argv, &ward.Attr{Env: env})
	if err != nil {
		return nil, err
	}
	return &suspect{Handle: h, code: code}, nil
}

// kill kills whoever it reaches.
func (s *suspect) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.Kill()
	if err != nil && !(errors.Is(err, os.ErrProcessDone) && errors.Is(err, syscall.ESRCH)) {
		childtest.Complain("Kill: %v", err)
	}
	s.killed = s.killed || err == nil
	return err
}

// check waits and compares. It returns ErrStatusLost, if that is the result.
func (s *suspect) check() error {
	state, err := s.Wait(context.Background())
	if errors.Is(err, ward.ErrStatusLost) {
		return err
	}
	if err != nil || state.Pid() != s.PID() {
		childtest.Complain("child %d: Wait() = %v, %v", s.PID(), state, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	killed := s.killed && state.Signaled() && state.Signal() == syscall.SIGKILL
	if !killed && state.ExitCode() != int(s.code) {
		childtest.Complain("child %d with exit code %d, killed: %v; it ended with %v",
			s.PID(), s.code, s.killed, state)
	}
	return nil
}

// suspects are the latest children, some of them as old as their number can get.
type suspects struct {
	latest [largest - smallest]atomic.Pointer[suspect]
}

func (l *suspects) put(i int, s *suspect) { l.latest[i%len(l.latest)].Store(s) }

// any returns one of them.
func (l *suspects) any() *suspect {
	for {
		if s := l.latest[rand.IntN(len(l.latest))].Load(); s != nil {
			return s
		}
		time.Sleep(time.Millisecond)
	}
}
