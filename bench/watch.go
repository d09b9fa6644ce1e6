package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/wardproc/ward"
)

// goroutines waits for each child in a goroutine of its own.
type goroutines struct {
	lib   library
	group sync.WaitGroup

	mu  sync.Mutex // guards err
	err error
}

func (g *goroutines) watch(c child) {
	g.group.Go(func() {
		if err := wantZero(g.lib.wait(c)); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.err = err
		}
	})
}

func (g *goroutines) wait() error {
	g.group.Wait()
	return g.err
}

// set has ward tell which child is gone: nobody waits for a single one.
type set struct{ set ward.Set }

func (s *set) watch(c child) { s.set.Add(c.(ward.Handle)) }

func (s *set) wait() error {
	for s.set.Len() > 0 {
		h, err := s.set.Next(context.Background())
		if err != nil {
			return err
		}
		state, err := h.TryWait()
		if err != nil {
			return fmt.Errorf("result of a child: %w", err)
		}
		if !state.Success() {
			return fmt.Errorf("child ended with %v", state)
		}
	}
	return nil
}
