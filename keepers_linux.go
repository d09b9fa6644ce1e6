package ward

// Keepers, the parents of private children before Linux 7.1, and what becomes of
// their children when one is killed.

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/wardproc/ward/internal/lockorder"
	"github.com/wardproc/ward/internal/mux"
	"github.com/wardproc/ward/internal/parentthread"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/spawn"
	"golang.org/x/sys/unix"
)

// spawnKept is the spawner of a child of the keeper.
func (b *pidfd) spawnKept(name string, argv []string, attr *syscall.ProcAttr, how spawn.How) (
	pid, fd int, err error,
) {
	const attempts = 3 // more keepers than that nobody kills by mistake
	for range attempts {
		if b.keeper, err = keepers.acquire(); err != nil {
			return 0, 0, err
		}
		if pid, fd, err = b.keeper.Child(name, argv, attr, how); err == nil {
			return pid, fd, nil
		}
		gone := b.keeper.Gone()
		keepers.release(b.keeper)
		if !gone {
			break
		}
	}
	return 0, 0, err
}

// arrangeKept is arrangeOn for a child of the keeper, whose end is what the
// child gets its Pdeathsig at: that takes no thread of its own.
func arrangeKept(sys *syscall.SysProcAttr, makeChild func(parentThread bool) error) (release func(), err error) {
	if sys != nil && sys.Pdeathsig != 0 {
		same := *sys
		same.Pdeathsig = 0
		sys = &same
	}
	return arrangeOn(sys, makeChild)
}

// take takes the zombie of a child. The error is ErrRunning if there is none, ECHILD
// or spawn.ErrGone. It goes by the number, which nobody else gets before: the pidfd may
// be a stranger's by the time that a keeper which was stopped comes to it.
func (k *keeper) take(pid int) (*State, error) {
	return takeZombie(pid, func(info *pidfds.Siginfo, usage *syscall.Rusage) error {
		return k.Wait(unix.P_PID, pid, info, waitOptions, usage)
	})
}

// A keeperOrder is that of one child, for the keeper to take its zombie. The process's
// mutex guards the fields.
type keeperOrder struct {
	since  time.Time              // when it was given; zero if none is under way
	again  bool                   // reap was called since
	answer func() (*State, error) // nil until there is one
}

func (o *keeperOrder) none() bool { return o.answer == nil && o.since.IsZero() }

// result returns the answer, or ErrRunning while the order is under way. It reports
// false if there is none, or it was given to no avail.
func (o *keeperOrder) result() (state *State, err error, given bool) {
	switch {
	case o.answer != nil:
		state, err = o.answer()
		return state, err, true
	case !o.since.IsZero():
		o.again = true
		return nil, ErrRunning, true
	}
	return nil, nil, false
}

// order has the keeper take the zombie.
func (b *pidfd) order(p *process) {
	b.ordered.since = time.Now()
	keepers.order(b.keeper, exitedChild{p, b})
}

// takeHere is order for a goroutine that has nothing else to wait for: it asks the
// keeper itself, which saves it two switches. While the keeper is stopped, other waits do
// without their threads.
func (b *pidfd) takeHere(p *process) {
	p.mu.Lock()
	free := b.keeper != nil && b.orphaned.IsZero() && !p.exited() && b.ordered.none()
	if free {
		b.exitSeen = true
		b.ordered.since = time.Now()
	}
	p.mu.Unlock()
	if free {
		exitedChild{p, b}.take()
	}
}

// An exitedChild is one whose zombie the keeper is to take.
type exitedChild struct {
	p *process
	b *pidfd
}

// order has the keeper take a zombie. Somebody may have stopped the keeper, so that a
// goroutine waits for its answers.
func (p *keeperPool) order(k *keeper, c exitedChild) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k.exited = append(k.exited, c)
	if !k.taking {
		k.taking = true
		go p.take(k)
	}
}

// take has the keeper take one zombie after the other, until there is none.
func (p *keeperPool) take(k *keeper) {
	for {
		exited := p.nextExited(k)
		if len(exited) == 0 {
			return
		}
		for _, c := range exited {
			c.take()
		}
	}
}

// take has the keeper take the zombie, and keeps what it says. If a tracer holds the
// zombie, reap comes again when that lets go: which may have been before the answer.
func (c exitedChild) take() {
	state, err := c.b.keeper.take(c.p.pid)
	if again := c.b.answered(c.p, state, err); again {
		keepers.order(c.b.keeper, c)
	}
}

// nextExited returns the zombies to take. Without any the goroutine ends.
func (p *keeperPool) nextExited(k *keeper) []exitedChild {
	p.mu.Lock()
	defer p.mu.Unlock()
	exited := k.exited
	k.exited = nil
	k.taking = len(exited) > 0
	return exited
}

// answered keeps what the keeper says. It reports whether to ask again.
func (b *pidfd) answered(p *process, state *State, err error) (again bool) {
	if err != ErrRunning {
		defer p.reap()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if again = err == ErrRunning && b.ordered.again; again {
		b.ordered.again = false
		return true
	}
	b.ordered = keeperOrder{}
	switch err {
	case ErrRunning:
	case spawn.ErrGone:
		b.orphan(p)
	case unix.ECHILD:
		b.reaped = true
	default:
		b.ordered.answer = func() (*State, error) { return state, err }
	}
	return false
}

// keeperPatience is longer than a keeper that nobody has stopped takes.
const keeperPatience = 10 * time.Millisecond

// patience makes a pidfd an asker.
func (b *pidfd) patience() time.Duration {
	if b.ordered.since.IsZero() {
		return 0
	}
	return keeperPatience - time.Since(b.ordered.since)
}

// orphanGrace is how long an orphan may be left a zombie by whoever took it.
const orphanGrace = 5 * time.Second

// orphan notes that the exited child has lost its keeper. If this program is
// not the one that takes orphans, another one reaps it, or never does.
func (b *pidfd) orphan(p *process) {
	if b.orphaned.IsZero() {
		b.orphaned = time.Now()
		time.AfterFunc(orphanGrace, func() { p.reap() })
	}
}

// forsaken reports whether nobody reaps the orphan.
func (b *pidfd) forsaken() bool {
	return !b.orphaned.IsZero() && time.Since(b.orphaned) >= orphanGrace
}

// A keeper is the parent of private children. It dies with this program, which
// the thread that started it stands for, and it is gone when the last of its
// children is, but for a time to linger.
type keeper struct {
	*spawn.Keeper

	// keepers.mu guards these.
	children int           // that live, and starts under way
	exited   []exitedChild // whose zombies are to be taken
	taking   bool          // a goroutine does so
}

var keepers keeperPool

// keeperPool has one keeper for all new children. Another one takes its place
// when it has been killed, or when the program has changed its ids, limits or
// the like: what the first one has, it keeps.
type keeperPool struct {
	starting lockorder.Mutex[lockorder.KeeperStart] // held while a keeper starts

	mu        lockorder.Mutex[lockorder.KeeperPool] // guards the fields below
	pids      map[int]bool                          // of all keepers
	current   *keeper
	idleSince time.Time // when current had its last child
}

// acquire returns a keeper for a child of the calling thread.
func (p *keeperPool) acquire() (*keeper, error) {
	if k, err := p.fitting(); k != nil || err != nil {
		return k, err
	}
	p.starting.Lock()
	defer p.starting.Unlock()
	if k, err := p.fitting(); k != nil || err != nil {
		return k, err
	}
	k, err := p.start()
	if err != nil {
		return nil, err
	}
	fits, err := k.Fits()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !fits {
		p.end(k)
		if err == nil {
			err = unsupported("Attr.Private on a thread with ids, capabilities, filters or namespaces of its own")
		}
		return nil, err
	}
	if old := p.current; old != nil && old.children == 0 {
		p.end(old)
	}
	k.children = 1
	p.current = k
	return k, nil
}

// fitting returns the present keeper, if that will do. One that somebody has stopped
// will not.
func (p *keeperPool) fitting() (*keeper, error) {
	k := p.hold()
	if k == nil {
		return nil, nil
	}
	fits, err := k.Fits()
	if !fits || !k.Answers() {
		p.release(k)
		return nil, err
	}
	return k, nil
}

// hold returns the present keeper, if there is one, for a child to come.
func (p *keeperPool) hold() *keeper {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.current
	if k == nil || k.Gone() {
		return nil
	}
	k.children++
	return k
}

// release is called when a child of k is gone, or was not started.
func (p *keeperPool) release(k *keeper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k.children--
	if k.children > 0 {
		return
	}
	if k != p.current {
		p.end(k)
		return
	}
	p.idleSince = time.Now()
	time.AfterFunc(mux.Linger, p.expire)
}

// expire ends the keeper if it has been idle for the time to linger.
func (p *keeperPool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.current; k != nil && k.children == 0 && time.Since(p.idleSince) >= mux.Linger {
		p.end(k)
		p.current = nil
	}
}

// end ends a keeper that nobody uses any more, and does not wait for that.
func (p *keeperPool) end(k *keeper) {
	go func() {
		k.End()
		p.forget(k)
		parentthread.Programs.Release()
	}()
}

// forget is called when a keeper has been reaped.
func (p *keeperPool) forget(k *keeper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pids, k.PID())
}

// has reports whether a child of this number is a keeper.
func (p *keeperPool) has(pid int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pids[pid]
}

// start starts a keeper that dies with the program. The thread does not wait for it, as
// others start children there, too.
func (p *keeperPool) start() (*keeper, error) {
	k := new(keeper)
	parentthread.Programs.Hold()
	err := parentthread.Programs.Call(func() (err error) {
		k.Keeper, err = spawn.StartKeeper()
		return err
	})
	if err != nil {
		parentthread.Programs.Release()
		return nil, keeperError(err)
	}
	p.note(k)
	if err := k.Ready(); err != nil {
		p.end(k)
		return nil, keeperError(err)
	}
	return k, nil
}

// note is called when there is a new keeper.
func (p *keeperPool) note(k *keeper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pids == nil {
		p.pids = make(map[int]bool)
	}
	p.pids[k.PID()] = true
}

func keeperError(err error) error {
	if probe.Refused(err) {
		err = fmt.Errorf("Attr.Private: no keeper: %w (%w)", errors.ErrUnsupported, err)
	}
	return err
}
