// Package lockorder has mutexes that know their place in the one order of the
// module's locks. Under the build tag lockorder each Lock checks the order and
// panics at a breach; without the tag they are those of package sync.
//
// A goroutine that holds a lock may take only locks that come later in the
// order, and so never two of one rank. A read lock counts like a lock: a second
// one deadlocks beside a writer that waits. A try cannot deadlock and is not
// checked, but what it has taken counts.
//
// Who waits for another goroutine with a lock held, as Probe does,
// escapes the check: what that one takes has to come later, too.
package lockorder

// A rank is a place in the order. The order is stated once, by the types below:
// each names the one that it comes after.
type rank interface{ place() int }

// OnThread is of onThread: the one wait that may block a thread holds it. It is
// first because that wait reaps its process, and so may take all that a reap takes.
type OnThread struct{ after[nothing] }

// Process is of process.mu, which guards a process and is held over calls of its
// backend and its tree. It comes before all that these take.
type Process struct{ after[OnThread] }

// Set is of Set.mu, which guards the members of a Set. A reap tells the sets with
// the process's lock held; a Set asks its members without a lock.
type Set struct{ after[Process] }

// Parents is of spawn's parentList.mu, which guards the parents of private children and
// their lifeline. A reap takes it.
type Parents struct{ after[Set] }

// ParentThread is of package parentthread, and guards the thread that starts
// children. A backend whose child has exited gives it back.
type ParentThread struct{ after[Parents] }

// TreeRole is of reaperRole.mu, which guards FreeBSD's subtrees. A tree is killed
// under Process. It comes before Mux, which hears SIGCHLD for it.
type TreeRole struct{ after[ParentThread] }

// Numbers is of numbers: readers use a child's number, and the writer takes a child
// by it. Backends and trees that know a number only use it under Process.
type Numbers struct{ after[TreeRole] }

// Taken is of takenStatuses.mu, which guards what Wait4 has taken by number. It is
// taken under Numbers.
type Taken struct{ after[Numbers] }

// ReapTable is of reapTable.mu, which guards the children by number. Nothing is
// taken under it. A new child enters under Process, and Wait4 looks for one under
// Taken.
type ReapTable struct{ after[Taken] }

// Sweeps is of sweeper.mu, which guards whether the fallback's sweeper runs. It is
// taken under Process when a child comes or goes.
type Sweeps struct{ after[ReapTable] }

// Held is of held, which guards the descriptors of zombies. It is held over system
// calls only, and taken with nothing held.
type Held struct{ after[Sweeps] }

// Mux is of mux.Mux.mu, mux.Port.mu and mux.Groups.mu, which guard the watches. They
// are taken under Process and TreeRole, and let go before a watcher is called.
type Mux struct{ after[Held] }

// Poller is of mux's poller.mu, which is held over the one check of the runtime's
// poller. A Mux that opens takes it; below it is only syscall.ForkLock.
type Poller struct{ after[Mux] }

// Probe is of probe.Probe.mu, which is held over a trial. It is taken under Process;
// a trial has a goroutine of its own and may take no lock before this one.
type Probe struct{ after[Poller] }

// Forks is of spawn's forkLock.mu, which guards who holds syscall.ForkLock. It is taken
// with nothing held, and below it is only the release of that lock.
type Forks struct{ after[Probe] }

// Starts is of spawn's startList.mu, which guards the starts that wait for their
// children. It is taken with nothing held, and nothing is taken under it.
type Starts struct{ after[Forks] }

// Reports is of spawn's reportList.mu, which guards the places for what children tell.
// It is taken with nothing held, and held over mmap(2) only.
type Reports struct{ after[Starts] }

// Copying is of exec's copying.mu, which guards the streams that are copied. It is
// last because it is taken alone, and nothing is taken under it.
type Copying struct{ after[Reports] }

// nothing comes before the first.
type nothing struct{}

func (nothing) place() int { return 0 }

// after makes what embeds it the next one after R.
type after[R rank] struct{}

func (after[R]) place() int {
	var before R
	return before.place() + 1
}
