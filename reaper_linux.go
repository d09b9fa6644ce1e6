package ward

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardproc/ward/internal/mux"
	"golang.org/x/sys/unix"
)

func (r *Reaper) run(ctx context.Context) error {
	if err := mux.ReservePoller(); err != nil { // for the timers
		return &Error{Op: "reap", Err: err}
	}
	return newReaping(r).run(ctx)
}

// reaping is a Reaper that runs.
type reaping struct {
	*Reaper
	rounds rounds
	grace  time.Duration
	tells  bool                 // each owner of a child has a pidfd
	since  map[corpse]time.Time // when a zombie without an owner was first seen
	taken  []*State             // not yet reported
}

func newReaping(r *Reaper) *reaping {
	w := &reaping{Reaper: r, grace: r.Grace, tells: pidfdsTell()}
	if w.grace == 0 && !w.tells {
		w.grace = 2 * time.Second
	}
	return w
}

func (w *reaping) run(ctx context.Context) error {
	defer w.rounds.listen()()
	w.rounds.round(w.look) // for what has exited before
	w.report()
	for w.rounds.due(ctx.Done()) {
		w.rounds.round(w.look)
		w.report()
	}
	return ctx.Err()
}

// report tells of what a round has taken. The rest is not the longer for it.
func (w *reaping) report() {
	for _, state := range w.taken {
		if w.Report != nil {
			w.Report(state.pid, state)
		}
	}
	w.taken = nil
}

// A corpse is a zombie as one round remembers it for the next.
type corpse struct {
	pid   int
	start string // of the process, in clock ticks, or "" if that is not known
}

// pidfdsTell reports whether package os has a pidfd for each of its processes.
func pidfdsTell() bool {
	if zombiesHold.Err() != nil {
		return false
	}
	p, err := os.FindProcess(os.Getpid())
	if err != nil {
		return false
	}
	defer p.Release()
	return p.WithHandle(func(uintptr) {}) == nil
}

// look takes what is to be taken. It is not done for each zombie by itself, as
// finding the owners costs something for each descriptor and child.
func (w *reaping) look() {
	before := w.since
	w.since = make(map[corpse]time.Time)
	// Most exits are those of handles' children, and there is nothing to do.
	if any, _ := waitFor(unix.P_ALL, 0, unix.WNOHANG); any == 0 {
		return
	}
	const batch = 256 // descriptors
	for pids := range slices.Chunk(zombieChildren(), batch) {
		w.takeOrphans(holdAll(pids), before)
	}
}

// zombieChildren returns the children that have exited.
func zombieChildren() (pids []int) {
	for pid := range childNumbers() {
		if pid > 0 && (zombie{pid: pid, fd: -1}).exited() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// holdAll returns those that are still there. Without descriptors left the rest
// is for the next round.
func holdAll(pids []int) (zombies []zombie) {
	for _, pid := range pids {
		z := zombie{pid: pid, fd: -1}
		if zombiesHold.Err() == nil {
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
func (w *reaping) takeOrphans(zombies []zombie, before map[corpse]time.Time) {
	owners, known := w.owners()
	for _, z := range zombies {
		if known && !owners[z.pid] && table.child(z.pid) == nil && w.abandoned(z.pid, before) {
			if state := z.take(unix.WEXITED); state != nil {
				w.taken = append(w.taken, state)
			}
		}
		z.release()
	}
}

// owners returns the owners besides the reap table. It is called after the zombies
// have been seen: what starts later is none of them.
func (w *reaping) owners() (pids map[int]bool, known bool) {
	if set, _ := environment(); !w.tells || !usePidfd(set) {
		if !await(table.starts(), startPatience) {
			return nil, false
		}
	}
	if !w.tells {
		return nil, true
	}
	pids, err := owned()
	return pids, err == nil
}

// abandoned reports whether a zombie without an owner has had its time of grace.
func (w *reaping) abandoned(pid int, before map[corpse]time.Time) bool {
	if w.grace <= 0 {
		return true
	}
	c := corpse{pid, startTime(pid)}
	since, ok := before[c]
	if !ok {
		since = time.Now()
	}
	w.since[c] = since
	return time.Since(since) >= w.grace
}

// startTime returns the 22nd field of /proc/pid/stat: see proc(5).
func startTime(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	const afterName = 22 - 2
	name := strings.LastIndexByte(string(text), ')') // may hold anything
	fields := strings.Fields(string(text[name+1:]))
	if len(fields) < afterName {
		return ""
	}
	return fields[afterName-1]
}
