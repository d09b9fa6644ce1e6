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
	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/spawn"
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
	children int // that live, and starts under way; keepers.mu guards it
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
	k, err := startKeeper()
	if err != nil {
		return nil, err
	}
	fits, err := k.Fits()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pids == nil {
		p.pids = make(map[int]bool)
	}
	p.pids[k.PID()] = true
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

// fitting returns the present keeper, if that will do.
func (p *keeperPool) fitting() (*keeper, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.current
	if k == nil || k.Gone() {
		return nil, nil
	}
	fits, err := k.Fits()
	if !fits {
		return nil, err
	}
	k.children++
	return k, nil
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

// end ends a keeper. The caller holds mu.
func (p *keeperPool) end(k *keeper) {
	k.End()
	delete(p.pids, k.PID())
	parentthread.Programs.Release()
}

// has reports whether a child of this number is a keeper.
func (p *keeperPool) has(pid int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pids[pid]
}

// startKeeper starts a keeper that dies with the program.
func startKeeper() (*keeper, error) {
	k := new(keeper)
	parentthread.Programs.Hold()
	err := parentthread.Programs.Call(func() (err error) {
		k.Keeper, err = spawn.StartKeeper()
		return err
	})
	if err == nil {
		return k, nil
	}
	parentthread.Programs.Release()
	if probe.Refused(err) {
		err = fmt.Errorf("Attr.Private: no keeper: %w (%w)", errors.ErrUnsupported, err)
	}
	return nil, err
}
