package ward

import "context"

// A canceler ends a start whose exec hangs.
type canceler struct {
	Done   <-chan struct{} // when it is closed
	Killed bool            // the child was killed for that, and counts as started
}

// Run starts the program as [Start] does, waits for its end and returns how it ended,
// whatever the exit code is.
//
// When ctx ends before the child, Run kills the child, with attr.Tree by KillTree, waits
// for its end and returns its State together with ctx.Err(). A ctx that has ended
// already starts nothing. The other errors are those of Start and of the Wait of a
// [Handle]; a nil State comes with each of them.
//
// Beside other starts Run is faster than Start and Wait for a child that ends at once: see
// Attr.Brief. On Linux with spawn programs (see Capabilities) it also kills a child whose
// exec hangs. Elsewhere it notices the end of ctx when the exec is over.
func Run(ctx context.Context, name string, argv []string, attr *Attr) (*State, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var brief Attr
	if attr != nil {
		brief = *attr
	}
	// One start alone gains nothing: a processor that sleeps through exec and exit takes
	// longer to wake than one that is woken twice.
	brief.Brief = brief.Brief || callsOfStart.Load() > 0
	if done := ctx.Done(); done != nil {
		brief.cancel = &canceler{Done: done}
	}
	p, err := startProcess(name, argv, &brief)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if brief.cancel == nil || !brief.cancel.Killed {
		state, err := p.Wait(ctx)
		if err == nil || err != ctx.Err() {
			return state, err
		}
	}
	if brief.Tree {
		p.KillTree()
	} else {
		p.Kill()
	}
	state, err := p.Wait(context.Background())
	if err != nil {
		return nil, err
	}
	return state, ctx.Err()
}
