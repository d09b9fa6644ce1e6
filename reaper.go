package ward

import (
	"context"
	"runtime"
	"time"
)

// A Reaper takes the orphans that come to a program which is PID 1 or has called
// [SetSubreaper], when they have exited, and nothing else: no child of a
// [Handle], and none that this program may wait for otherwise. Of those the ones
// of os/exec and os.StartProcess, and whatever else has an [os.Process], show by
// the pidfd that the standard library holds for them (Linux 5.4). An orphan shows
// one, too, for which the program has called os.FindProcess: see OwnedGrace.
//
// The zero Reaper is ready for use. Its fields must not be changed during Run.
type Reaper struct {
	// Grace is how long a zombie is left alone that nobody seems to own. With
	// 0 it is taken at once, or, where the standard library or the kernel has no
	// pidfds and an owner cannot be told, after 2 seconds: an os/exec child that
	// nobody waits for within that time loses its status. A program that starts
	// children by system calls of its own, or by a C library, should set it, too.
	Grace time.Duration

	// OwnedGrace is how long a zombie is left alone to which a pidfd of the program
	// refers. With 0 it is left alone for good, also an orphan for which the program
	// has called os.FindProcess, unless that Process is waited for or released.
	//
	// The trap: the kernel does not tell such an orphan from a child that the program
	// has started by os/exec. One that is not waited for within this time loses its
	// status, for instance as its output is read to the end before, which a grandchild
	// holds open. So let it be far longer than that takes: minutes. Children of
	// a [Handle] are never taken.
	OwnedGrace time.Duration

	// Report, if not nil, is called by Run for each orphan that was taken.
	Report func(pid int, state *State)
}

// Run takes orphans until ctx ends, and returns ctx.Err(). It hears of them by
// SIGCHLD, without getting in the way of the program's own signal.Notify, and
// without one looks after a second, and after up to five if it never finds anything.
// What it spends is bounded, however many children there are and exit: it rests for
// 20 times as long as it works.
//
// Any number of Reapers, and of calls of [Wait4], may run at once. Run wants the
// /proc of its own pid namespace, and works more slowly without. It requires
// Linux; elsewhere it returns errors.ErrUnsupported, and a loop over Wait4 does
// what can be done.
func (r *Reaper) Run(ctx context.Context) error {
	if runReaper == nil {
		return &Error{Op: "reap", Err: unsupported("a Reaper on " + runtime.GOOS)}
	}
	return runReaper(ctx, r)
}

// SetSubreaper has the orphans among this program's descendants, those whose
// parent has ended, come to this program and not to PID 1, or no longer. A child
// does not inherit the setting. It wraps prctl(2) with PR_SET_CHILD_SUBREAPER on
// Linux (3.4) and procctl(2) with PROC_REAP_ACQUIRE and PROC_REAP_RELEASE on
// FreeBSD (10.2). Elsewhere it returns errors.ErrUnsupported.
func SetSubreaper(on bool) error {
	if setSubreaper == nil {
		return &Error{Op: "subreaper", Err: unsupported("a subreaper on " + runtime.GOOS)}
	}
	return setSubreaper(on)
}

// The files of the systems that have them set these.
var (
	runReaper    func(context.Context, *Reaper) error
	setSubreaper func(on bool) error
)
