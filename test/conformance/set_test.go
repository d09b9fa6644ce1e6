package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
)

func TestSetReturnsMembersInTheOrderOfTheirExits(t *testing.T) {
	var set ward.Set
	var children []childtest.Held
	for range 4 {
		h := childtest.StartHeld(t)
		set.Add(h.Handle)
		set.Add(h.Handle) // is one already
		children = append(children, h)
	}
	order := []int{2, 0, 3, 1}
	for n, i := range order {
		if set.Len() != len(order)-n {
			t.Errorf("Len() = %d, want %d", set.Len(), len(order)-n)
		}
		children[i].Release()
		h, err := set.Next(context.Background())
		if err != nil || h != children[i].Handle {
			t.Fatalf("Next() = %v, %v; want child %d", h, err, i)
		}
	}
	if h, err := set.Next(context.Background()); err != ward.ErrEmpty {
		t.Errorf("Next of an empty set: %v, %v", h, err)
	}
}

func TestSetKeepsExitsInOrderUntilAsked(t *testing.T) {
	var set ward.Set
	var want []ward.Handle
	var children []childtest.Held
	for range 5 {
		h := childtest.StartHeld(t)
		set.Add(h.Handle)
		children = append(children, h)
	}
	for _, i := range []int{4, 1, 3, 0, 2} {
		children[i].Release()
		<-children[i].Done()
		want = append(want, children[i].Handle)
	}
	for h, state := range set.All(context.Background()) {
		if h != want[0] || !state.Success() {
			t.Fatalf("All yields %d, %v; want %d", h.PID(), state, want[0].PID())
		}
		want = want[1:]
	}
	if len(want) > 0 {
		t.Errorf("All leaves out %d members", len(want))
	}
}

func TestSetTakesAProcessThatHasExited(t *testing.T) {
	h := childtest.Start(t, nil, "exit", "3")
	childtest.Wait(t, h)
	var set ward.Set
	set.Add(h)
	if got, err := set.Next(context.Background()); got != h || err != nil {
		t.Errorf("Next() = %v, %v", got, err)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	var set ward.Set
	h := childtest.StartHeld(t)
	set.Add(h.Handle)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := set.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next: %v", err)
	}
	for range set.All(ctx) {
		t.Error("All yields a member that runs")
	}
	h.Release()
	if got, err := set.Next(context.Background()); got != h.Handle || err != nil {
		t.Errorf("Next afterwards: %v, %v", got, err)
	}
}

func TestSetGivesEachMemberToOneOfManyCallers(t *testing.T) {
	childtest.NeedBackend(t)
	const members, callers = 30, 10
	var set ward.Set
	var mu sync.Mutex // guards seen
	seen := make(map[ward.Handle]int)
	var children []childtest.Held
	for range members {
		h := childtest.StartHeld(t)
		set.Add(h.Handle)
		children = append(children, h)
	}
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for {
				h, err := set.Next(context.Background())
				if err == ward.ErrEmpty {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[h]++
				mu.Unlock()
			}
		})
	}
	for _, h := range children {
		h.Release()
	}
	wg.Wait()
	for _, h := range children {
		if seen[h.Handle] != 1 {
			t.Errorf("member %d was returned %d times", h.PID(), seen[h.Handle])
		}
	}
}

func TestNilHandleIsNamed(t *testing.T) {
	var embeds struct{ ward.Handle }
	for _, h := range []ward.Handle{nil, embeds, (*otherHandle)(nil)} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, "Set.Add: nil Handle") {
					t.Errorf("Add(%#v) panics with %q", h, text)
				}
			}()
			new(ward.Set).Add(h)
		}()
	}
	for _, h := range []ward.Handle{nil, (*otherHandle)(nil)} {
		state, err := ward.Stop(context.Background(), h)
		var typed *ward.Error
		named := strings.Contains(fmt.Sprint(err), "stop: nil Handle")
		if state != nil || !errors.As(err, &typed) || !named {
			t.Errorf("Stop(%#v) = %v, %v", h, state, err)
		}
	}
}

// otherHandle is a type of somebody else's.
type otherHandle struct{ ward.Handle }
