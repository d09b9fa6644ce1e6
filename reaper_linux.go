package ward

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/wardproc/ward/internal/mux"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/procfs"
	"golang.org/x/sys/unix"
)

func init() {
	runReaper = takeOrphans
	setSubreaper = setChildSubreaper
}

func takeOrphans(ctx context.Context, r *Reaper) error {
	if err := mux.ReservePoller(); err != nil { // for the timers
		return &Error{Op: "reap", Err: err}
	}
	return newReaping(r).run(ctx)
}

// reaping is a Reaper that runs.
type reaping struct {
	*Reaper
	pacer scanPacer
	grace time.Duration
	tells bool                // each owner of a child has a pidfd
	seen  map[corpse]sighting // zombies that may be taken later
	taken []*State            // not yet reported
	front int                 // the number of a zombie that takeInFront has left alone
}

func newReaping(r *Reaper) *reaping {
	w := &reaping{Reaper: r, grace: r.Grace, tells: pidfdsTell()}
	if w.grace == 0 && !w.tells {
		w.grace = 2 * time.Second
	}
	return w
}

func (w *reaping) run(ctx context.Context) error {
	defer w.pacer.listen()()
	w.pacer.run(w.scan) // for what has exited before
	w.report()
	for w.pacer.awaitNext(ctx.Done()) {
		w.pacer.run(w.scan)
		w.report()
	}
	return ctx.Err()
}

// report tells of what a scan has taken. The cooldown is not the longer for it.
func (w *reaping) report() {
	for _, state := range w.taken {
		if w.Report != nil {
			w.Report(state.pid, state)
		}
	}
	w.taken = nil
}

// A corpse is a zombie as one scan remembers it for the next.
type corpse struct {
	pid   int
	start string // of the process, in clock ticks, or "" if that is not known
}

// A sighting is what the first scan that has seen a corpse found out.
type sighting struct {
	at     time.Time
	starts []*startBatch // under way, which may own it
}

// pidfdsTell reports whether package os has a pidfd for each of its processes.
func pidfdsTell() bool {
	if pidfds.Opens() != nil {
		return false
	}
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		return false
	}
	defer p.Release()
	return p.WithHandle(func(uintptr) {}) == nil
}

// scan takes what is to be taken. It is not done for each zombie by itself, as
// finding the owners costs something for each descriptor and child.
func (w *reaping) scan() (found bool) {
	before := w.seen
	w.seen = make(map[corpse]sighting)
	// Most exits are those of handles' children, and there is nothing to do.
	if any, _ := waitFor(unix.P_ALL, 0, unix.WNOHANG); any == 0 {
		return false
	}
	if !procfs.ListsChildren() && !w.takeInFront(before) {
		return len(w.taken) > 0
	}
	const batch = 256 // descriptors
	for pids := range slices.Chunk(zombieChildren(), batch) {
		w.takeOrphans(holdAll(pids), before)
	}
	return len(w.taken) > 0
}

// takeInFront takes orphans as long as a wait for any child finds one, and reports
// whether there are more to be looked for. Without /proc that is by trying all numbers,
// which takes a second: not for a child that its owner is about to take.
func (w *reaping) takeInFront(before map[corpse]sighting) (more bool) {
	const few = 8 // to find the owners of one takes a look at each descriptor
	for range few {
		front, _ := waitFor(unix.P_ALL, 0, unix.WNOHANG)
		if front == 0 {
			return false
		}
		taken := len(w.taken)
		w.takeOrphans(holdAll([]int{front}), before)
		if len(w.taken) == taken {
			stays := front == w.front
			w.front = front
			w.pacer.lookIn(10 * time.Millisecond)
			return stays
		}
	}
	return true
}

// zombieChildren returns the children that have exited.
func zombieChildren() (pids []int) {
	for pid := range procfs.Children() {
		if pid > 0 && (zombie{pid: pid, fd: -1}).exited() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// holdAll returns those that are still there. Without descriptors left the rest
// is for the next scan.
func holdAll(pids []int) (zombies []zombie) {
	for _, pid := range pids {
		z := zombie{pid: pid, fd: -1}
		if pidfds.Opens() == nil {
			var err error
			if z, err = hold(pid); err != nil {
				continue
			}
		}
		if !z.exited() {
			z.release()
			continue
		}
		zombies = append(zombies, z)
	}
	return zombies
}

// takeOrphans takes those of the zombies that have no owner, and gives all back.
func (w *reaping) takeOrphans(zombies []zombie, before map[corpse]sighting) {
	starts, startsTell := w.startsUnderWay()
	owners, known := w.owners()
	for _, z := range zombies {
		grace, mayOwn := w.grace, starts
		switch {
		case owners[z.pid]:
			grace = w.OwnedGrace
		case startsTell:
			mayOwn = nil
		}
		leave := !known || owners[z.pid] && grace <= 0 || !w.abandoned(z.pid, grace, mayOwn, before)
		// The table comes last: a start that is over by now has its child in it.
		if !leave && children.find(z.pid) == nil {
			w.take(z, mayOwn)
		}
		z.release()
	}
}

// startsUnderWay returns the starts that may own zombies, and whether they own only
// those that a pidfd refers to. It is called after these have been seen: what starts
// later owns none of them.
func (w *reaping) startsUnderWay() (starts []*startBatch, tell bool) {
	set, _ := environment()
	tell = w.tells && usePidfd(set)
	starts = children.startsUnderWay()
	if !tell && awaitStarts(starts, startHaste) {
		starts = nil
	}
	return starts, tell
}

// startsUnderWay returns the starts under way.
func (t *reapTable) startsUnderWay() []*startBatch {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.starts.underWay()
}

// owners returns the owners besides the reap table and the starts under way.
func (w *reaping) owners() (pids map[int]bool, known bool) {
	if !w.tells {
		return nil, true
	}
	pids, err := owned()
	return pids, err == nil
}

// abandoned reports whether a zombie has had its time of grace, and the starts that
// may own it theirs. The scan does not wait for them: one that hangs
// has a child that runs, and must not hold up the rest. So each zombie is left to a
// later scan, and all at the same time.
func (w *reaping) abandoned(
	pid int, grace time.Duration, starts []*startBatch, before map[corpse]sighting,
) bool {
	if grace <= 0 && len(starts) == 0 {
		return true
	}
	c := corpse{pid, procfs.StartTime(pid)}
	s, ok := before[c]
	if !ok {
		s = sighting{time.Now(), starts}
	}
	w.seen[c] = s
	rest := grace
	if !areOver(s.starts) {
		rest = max(rest, startPatience)
	}
	rest -= time.Since(s.at)
	if rest > 0 {
		w.pacer.lookIn(rest)
	}
	return rest <= 0
}

// lookIn is called by a scan that wants another one after so long.
func (s *scanPacer) lookIn(after time.Duration) {
	if due := time.Now().Add(after); s.due.IsZero() || due.Before(s.due) {
		s.due = due
	}
}

// areOver reports whether the starts are.
func areOver(starts []*startBatch) bool {
	for _, b := range starts {
		select {
		case <-b.over:
		default:
			return false
		}
	}
	return true
}

// take takes an orphan. A start that is later than its time gets its child's status,
// too, if that is what was taken.
func (w *reaping) take(z zombie, starts []*startBatch) {
	var state *State
	if z.fd < 0 || len(starts) > 0 {
		state = z.takeByNumber()
	} else {
		state = z.take(unix.WEXITED)
	}
	if state != nil {
		w.taken = append(w.taken, state)
	}
}

func setChildSubreaper(on bool) error {
	var value uintptr
	if on {
		value = 1
	}
	err := os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, value, 0, 0, 0))
	if errors.Is(err, unix.EINVAL) { // qemu-user 7.2 does not know it
		return &Error{Op: "subreaper", Err: fmt.Errorf("%w (%w)", errors.ErrUnsupported, err)}
	}
	return err
}
