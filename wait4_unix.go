//go:build unix

package ward

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/lockorder"
	"github.com/wardproc/ward/internal/mux"
	"github.com/wardproc/ward/internal/wait4"
)

// Wait4 is syscall.Wait4 for programs that wait for any child, as a loop over
// wait4(-1) does: it never returns a child that a [Handle] owns. When it meets
// one that has exited it sees to it that the handle has the status, resource
// usage included, and looks further. All else it returns as wait4(2) does:
// arguments, results (-1 with an error) and errors are those of syscall.Wait4,
// and children of os/exec are like any others to it. Package wardunix has it with the
// types of golang.org/x/sys/unix.
//
// To the caller it is as if other threads of the program waited for the
// children of handles. Those that wait4(2) sees count as children: with WNOHANG
// the result is 0 while one runs, and ECHILD only when no child at all is left. It
// sees none that has a parent of its own, though with __WALL or __WCLONE that parent,
// which is not returned either; and on FreeBSD none with a process descriptor, unless it asks
// by number or group: see Attr.Private.
//
// That children of handles stop or continue (WUNTRACED, WCONTINUED, and without
// these what ptrace(2) reports) is reported to nobody: who traces one waits for it
// by syscall.Wait4, and not beside a loop over Wait4(-1).
//
// A child that exits while the Start that makes it is under way is its handle's,
// too. For that Wait4 may wait, also with WNOHANG, until the starts of that
// moment are over: a fraction of a millisecond, and beside a Start that hangs not
// more than a second for each child or, on Linux, for all together that have exited
// when the second begins. A Start that is late by a second, though its child has
// exited, loses nothing, but Wait4 may return that child as well. (A Start that hangs
// on the file system of its program has a child that runs.)
//
// On Linux 5.4 and later Wait4 looks at an exited child, holds it by a pidfd, and
// takes it when it is known to be nobody's. On other Unix systems, and where
// pidfds are refused, it takes the child first; the handles wait and signal
// before or after, never meanwhile, and get the status handed over. There it may
// also return the child of a Start that fails, or with which the package has only
// tried something.
func Wait4(pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage) (int, error) {
	got, err := waitForeign(pid, status, options, usage)
	if err != nil {
		return -1, err
	}
	return got, nil
}

// How long Wait4 and the Reaper wait for starts to be over: startHaste is enough for
// most, and startPatience for all whose child has exited.
const (
	startHaste    = 10 * time.Millisecond
	startPatience = time.Second
)

// waitDirectly is Wait4 by nothing but wait4(2): it takes a child and hands it
// over if it is a handle's.
func waitDirectly(pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage) (int, error) {
	got, err := takeForeign(pid, status, options|wait4.NoHang, usage, patient)
	if got != 0 || err != nil || options&wait4.NoHang != 0 {
		return got, err
	}
	if err := mux.ReservePoller(); err != nil { // for the timers
		return 0, syscall.EMFILE
	}
	hint := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGCHLD) {
		signal.Notify(hint, syscall.SIGCHLD)
		defer signal.Stop(hint)
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		got, err := takeForeign(pid, status, options|wait4.NoHang, usage, patient)
		if got != 0 || err != nil {
			return got, err
		}
		select {
		case <-hint:
		case <-time.After(pause): // signals are not counted
		}
	}
}

// Whether takeForeign waits for the starts that may own a child.
const (
	patient   = true
	impatient = false
)

// takeForeign takes children, without blocking in the kernel, until one is no
// handle's. A start that may own it has some time to say so if wait is patient.
func takeForeign(
	pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage, wait bool,
) (int, error) {
	for {
		state, owner, starts, err := takeAny(pid, options)
		switch {
		case state == nil:
			return 0, err
		case owner != nil:
			owner.reap()
			continue
		case len(starts) > 0 && !unclaimed(state, starts, wait):
			continue
		}
		return state.copyTo(status, usage), nil
	}
}

// copyTo returns s as wait4(2) does.
func (s *State) copyTo(status *syscall.WaitStatus, usage *syscall.Rusage) (pid int) {
	if status != nil {
		*status = s.status
	}
	if usage != nil {
		*usage = s.usage
	}
	return s.pid
}

// takeAny takes one child and finds out whose it is.
func takeAny(pid, options int) (state *State, owner *process, starts []*startBatch, err error) {
	numbers.Lock()
	defer numbers.Unlock()
	state = &State{hasUsage: true}
	state.pid, err = syscall.Wait4(pid, &state.status, options, &state.usage)
	if state.pid <= 0 {
		return nil, nil, nil, err
	}
	if !wait4.Ended(state.status) {
		return state, children.find(state.pid), nil, nil // a stop, which nothing is to be done about
	}
	owner, starts = taken.add(state)
	return state, owner, starts, nil
}

// unclaimed waits for the starts under way, if it is to, and reports whether the
// child is none of theirs. One that is late still finds the status.
func unclaimed(state *State, starts []*startBatch, wait bool) bool {
	if wait && awaitOwner(state.pid, starts) {
		return taken.withdraw(state)
	}
	go func() {
		for _, b := range starts {
			<-b.over
		}
		taken.withdraw(state)
	}()
	return taken.offers(state)
}

// taken are the statuses that Wait4 has taken by number and that may be a handle's.
var taken takenStatuses

type takenStatuses struct {
	mu      lockorder.Mutex[lockorder.Taken] // guards the fields below
	owned   map[*process]*State              // for the handle to fetch
	offered map[int]*State                   // by number: a start under way may claim it
	cleared map[int][]*startBatch            // by number of a zombie: these starts do not own it
}

// add finds the owner of a child that Wait4 has taken and keeps the status for it,
// or for the starts that may yet bring the owner. The caller holds numbers for
// writing.
func (t *takenStatuses) add(state *State) (owner *process, starts []*startBatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if owner, starts = children.ownerOrStarts(state.pid); owner != nil {
		t.give(owner, state)
	} else if len(starts) > 0 {
		if t.offered == nil {
			t.offered = make(map[int]*State)
		}
		t.offered[state.pid] = state
	}
	return owner, starts
}

// give keeps the status for its owner. The caller holds mu.
func (t *takenStatuses) give(owner *process, state *State) {
	if t.owned == nil {
		t.owned = make(map[*process]*State)
	}
	t.owned[owner] = state
}

// takenStatus fetches what Wait4 has taken of the process: nil for nothing. The
// caller holds numbers for reading, so no Wait4 is in the middle of taking it.
func takenStatus(p *process) *State {
	taken.mu.Lock()
	defer taken.mu.Unlock()
	state := taken.owned[p]
	delete(taken.owned, p)
	return state
}

// claimTaken is called for each new child, once the table has it. If Wait4 took its
// status while the start was under way, that is the child's result.
func claimTaken(p *process) {
	if !taken.offersNumber(p.pid) {
		return
	}
	numbers.RLock()
	defer numbers.RUnlock()
	own, err := tryWait4(p.pid)
	taken.mu.Lock()
	defer taken.mu.Unlock()
	state, ok := taken.offered[p.pid]
	switch {
	case err == nil: // the offer is another's, which had this number before
		taken.give(p, own)
	case ok && err == ErrStatusLost:
		taken.give(p, state)
		delete(taken.offered, p.pid)
	}
}

func (t *takenStatuses) offersNumber(pid int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.offered[pid] != nil
}

// withdraw ends the offer to the starts, and reports whether none has claimed it.
func (t *takenStatuses) withdraw(state *State) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.offered[state.pid] != state {
		return false
	}
	delete(t.offered, state.pid)
	return true
}

func (t *takenStatuses) offers(state *State) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.offered[state.pid] == state
}

// find returns the handle's process that has the number, or nil.
func (t *reapTable) find(pid int) *process {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byPID[pid]
}

// ownerOrStarts returns the handle's process that has the number, or nil and the
// starts that may yet bring one.
func (t *reapTable) ownerOrStarts(pid int) (*process, []*startBatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.byPID[pid]; p != nil {
		return p, nil
	}
	return nil, t.starts.underWay()
}

// underWay returns the batches of all starts that are under way. The caller holds
// the table's mu.
func (s *startBatches) underWay() []*startBatch {
	if s.open != nil && s.open.starts > 0 {
		s.closed = append(s.closed, s.open)
		s.open = nil
	}
	return slices.Clone(s.closed)
}

// awaitOwner waits until it is clear whether one of the starts owns a child that has
// exited, or for startPatience, and reports whether all starts are over.
func awaitOwner(pid int, starts []*startBatch) (over bool) {
	mayOwn := taken.uncleared(pid, starts)
	if awaitStarts(mayOwn, startHaste) || outlast(mayOwn, starts) {
		return len(mayOwn) == len(starts)
	}
	return false
}

// outlast waits for startPatience until the starts are over that may own a child. If
// they are not, the other children that have exited by now need not wait for any.
func outlast(mayOwn, starts []*startBatch) (over bool) {
	exited := zombieChildren()
	if awaitStarts(mayOwn, startPatience) {
		return true
	}
	taken.clear(exited, starts)
	return false
}

// clear notes that the children had exited when somebody began to wait for the starts,
// startPatience ago. A child that has exited makes its start return at once, so it is
// none of those that are not over.
func (t *takenStatuses) clear(pids []int, starts []*startBatch) {
	if len(pids) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cleared == nil {
		t.cleared = make(map[int][]*startBatch)
	}
	for _, pid := range pids {
		t.cleared[pid] = starts
	}
	go func() {
		for _, b := range starts {
			<-b.over
		}
		for _, pid := range pids {
			t.uncleared(pid, starts)
		}
	}()
}

// uncleared returns those of the starts that may own the child, which is about to be
// taken. The next one with its number may be anybody's.
func (t *takenStatuses) uncleared(pid int, starts []*startBatch) (mayOwn []*startBatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range starts {
		if !slices.Contains(t.cleared[pid], b) {
			mayOwn = append(mayOwn, b)
		}
	}
	delete(t.cleared, pid)
	return mayOwn
}

// awaitStarts waits until the starts are over, or for so long, and reports whether
// they are.
func awaitStarts(starts []*startBatch, most time.Duration) bool {
	limit := time.After(most)
	for _, b := range starts {
		select {
		case <-b.over:
		case <-limit:
			return false
		}
	}
	return true
}
