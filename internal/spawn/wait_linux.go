//go:build linux && (amd64 || arm64)

package spawn

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/wardproc/ward/internal/lockorder"
	pidfds "github.com/wardproc/ward/internal/pidfd"
	"golang.org/x/sys/unix"
)

// A start waits until its child has let go of our memory. That may take long: the
// program is on a file system that hangs, a scanner thinks about it, or the user that
// the child runs as has stopped it. A start that waits takes a thread. So only a few
// may do so at a time, and the others stand in a queue.
//
// A start that takes its time is taken over when there are others: its thread goes
// back to the runtime, and a timer looks at its word now and then. But something has
// to keep syscall.Setuid waiting, see cloneInCall. That is the guard, one thread that
// waits for all that were taken over.
//
// shared.running tells who waits. The kernel clears it, whatever its value is.
const (
	released = iota // nobody: the child has let go of our memory
	waited          // the thread that made the child
	guarded         // the guard
	unmade          // nobody yet, as there is no child
)

const (
	// startPatience is how long a start waits by itself if there are others.
	startPatience = 10 * time.Millisecond

	// hungPatience is that while other starts do hang.
	hungPatience = time.Millisecond

	// exitPatience is how long a start waits for the exit, too, of a child that may end
	// soon. A child that does not, as it writes more than a pipe holds for example, is
	// kept waiting. So no start waits for an exit for a while after that, and for twice
	// as long after the next one.
	exitPatience = 5 * time.Millisecond
	exitPause    = 10 * time.Millisecond
	maxExitPause = time.Second

	// morePlaces are those beyond the number of processors, and placesBesideHung are all
	// while there are starts that hang.
	morePlaces       = 1
	placesBesideHung = 2

	// glances is how often the word of a start is looked at in as much time as that
	// start has taken already, but for the longest time between two.
	glances    = 8
	maxUnheard = 20 * time.Millisecond
)

// starts are those that wait for their children.
var starts = startList{guardian: guardian{
	masks: [2]uint64{^uint64(0)},
	limit: unix.NsecToTimespec(int64(guardPatience)),
}}

type startList struct {
	guardian guardian

	mu       lockorder.Mutex[lockorder.Starts] // guards the fields below
	places   int32                             // that are taken: threads that wait
	queue    []chan<- struct{}
	waiting  []*program // in a place
	taken    []*program // taken over
	listed   []listing
	guarding bool          // there is a guard, or will be
	timer    *time.Timer   // for look
	next     time.Time     // when it does, if it is to
	lasted   time.Time     // when a child was last waited for that did not end soon
	pause    time.Duration // from then on
}

// A listing is a program that the guard knows. Its memory has to stay until the guard
// has seen that the child has let go of it, and no other start may use it before.
type listing struct {
	word *atomic.Uintptr
	p    *program
}

// enter waits for a place, which clone gives back as soon as its thread no longer waits.
// With offer the child is the guard's, if there is one, so that the thread that makes the
// child need not wait.
func (l *startList) enter(p *program, offer bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.admit()
	if len(l.queue) > 0 || !l.takePlace() {
		turn := make(chan struct{})
		l.queue = append(l.queue, turn)
		l.mu.Unlock()
		<-turn
		l.mu.Lock()
	}
	p.shared.places = &l.places
	p.since = time.Now()
	if offer && atomic.LoadUint32(&l.guardian.onDuty) != 0 {
		p.shared.duty = &l.guardian.onDuty
		l.list(p)
	}
	p.offered = offer
	if p.exited != nil && !offer && p.since.Sub(l.lasted) > l.pause {
		p.shared.glances = 1
	}
	l.waiting = append(l.waiting, p)
	if l.othersWait() {
		l.lookWithin(l.patience())
	}
}

// othersWait reports whether a start that waits may keep somebody waiting: another start,
// whoever needs the parent thread, or one who wants to end the child. The caller holds mu.
func (l *startList) othersWait() bool {
	return len(l.waiting) > 1 ||
		len(l.waiting) == 1 && (l.waiting[0].offered || l.waiting[0].cancel.isPossible())
}

// takePlace is called with mu held. Usually there are more places than can run, or
// the processors would have less to do.
func (l *startList) takePlace() bool {
	most := placesBesideHung
	if len(l.taken) == 0 {
		most = runtime.GOMAXPROCS(0) + morePlaces
	}
	free := int(atomic.LoadInt32(&l.places)) < most || hearsNoExec() // which nobody takes over
	if free {
		atomic.AddInt32(&l.places, 1)
	}
	return free
}

// admit lets the first of the queue in. The caller holds mu.
func (l *startList) admit() {
	for len(l.queue) > 0 && l.takePlace() {
		close(l.queue[0])
		l.queue = slices.Delete(l.queue, 0, 1)
	}
}

// await waits for a child that was left to the guard: on the calling thread, if it has
// but just been made, and then without one.
func (l *startList) await(p *program) {
	word := &p.shared.running
	if p.shared.duty != nil && atomic.LoadUint32(word) == guarded {
		atomic.AddInt32(&l.places, 1)
		limit := unix.NsecToTimespec(int64(hungPatience))
		futexWait(word, guarded, &limit)
		atomic.AddInt32(&l.places, -1)
	}
	if !l.leave(p) {
		return
	}
	if p.cancel.isPossible() {
		p.killWhenCanceled()
	}
	<-p.done
}

func (c *Cancel) isPossible() bool { return c != nil && c.Done != nil }

// killWhenCanceled returns when the child has let go, or was killed.
func (p *program) killWhenCanceled() {
	child, made := p.child()
	select {
	case <-p.done:
		return
	case <-p.cancel.Done:
	}
	for ; !made; child, made = p.child() {
		select {
		case <-p.done:
			return
		case <-time.After(hungPatience):
		}
	}
	p.cancel.Killed = !child.Lost() && pidfds.Signal(child.FD, unix.SIGKILL) == nil
}

// child reports false if the child is yet to be made by a process in between. A pidfd may
// be that of a clone which fails in the end. A number shows that it has not, as does the
// child itself where clone(2) tells no number before the exec.
func (p *program) child() (d pidfds.Descriptor, made bool) {
	fd, pid := atomic.LoadInt32(&p.shared.pidfd), atomic.LoadInt32(p.pid)
	if fd == none || pid == 0 && atomic.LoadUint64(&p.shared.report.table) == 0 {
		return d, false
	}
	return pidfds.Own(int(fd), int(pid)), true
}

// leave reports whether the child has yet to let go.
func (l *startList) leave(p *program) (waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, p)
	l.waiting = slices.Delete(l.waiting, i, i+1)
	switch {
	case p.shared.glances == 0:
	case p.shared.exit.revents != 0:
		l.pause = 0
	default:
		l.lasted = time.Now()
		l.pause = min(max(2*l.pause, exitPause), maxExitPause)
	}
	l.admit()
	if atomic.LoadUint32(&p.shared.running) == released {
		l.sweep()
		return false
	}
	p.done = make(chan struct{})
	l.taken = append(l.taken, p)
	l.lookWithin(hungPatience)
	return true
}

func (l *startList) patience() time.Duration {
	if len(l.taken) > 0 {
		return hungPatience
	}
	return startPatience
}

// lookWithin has look called. The caller holds mu.
func (l *startList) lookWithin(d time.Duration) {
	at := time.Now().Add(d)
	switch {
	case l.timer == nil:
		l.timer = time.AfterFunc(d, l.look)
	case l.next.IsZero() || at.Before(l.next):
		l.timer.Reset(d)
	default:
		return
	}
	l.next = at
}

// look takes over the starts that take long, and tells those whose child has let go.
func (l *startList) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = time.Time{}
	now := time.Now()
	l.admit()
	l.taken = slices.DeleteFunc(l.taken, func(p *program) bool {
		done := atomic.LoadUint32(&p.shared.running) == released
		if done {
			close(p.done)
		}
		return done
	})
	l.sweep()
	if l.othersWait() {
		for _, p := range l.waiting {
			if now.Sub(p.since) >= l.patience() {
				l.takeOver(p)
			}
		}
		l.lookWithin(l.patience())
	}
	if len(l.taken) > 0 {
		last := l.taken[len(l.taken)-1].since
		l.lookWithin(min(max(now.Sub(last)/glances, hungPatience), maxUnheard))
	}
}

// takeOver has the guard wait for the child of p, and no other thread, as soon as
// there is a guard. Before it is made it must not be waited for: what makes it may need
// the world that syscall.Setuid has stopped.
func (l *startList) takeOver(p *program) {
	if atomic.LoadUint32(&p.shared.running) != waited {
		return
	}
	l.list(p)
	if !l.guarding {
		l.guarding = true
		go l.guard()
	}
	// The word is listed, and the guard looks at the list once more when it goes.
	if atomic.LoadUint32(&l.guardian.onDuty) != 0 &&
		atomic.CompareAndSwapUint32(&p.shared.running, waited, guarded) {
		futexWake(&p.shared.running)
	}
}

// list tells the guard of p.
func (l *startList) list(p *program) {
	if p.listed {
		return
	}
	p.listed = true
	l.listed = append(l.listed, listing{l.guardian.list(&p.shared.running), p})
}

// sweep forgets the programs that the guard has forgotten, and without a guard those
// whose child has let go.
func (l *startList) sweep() {
	l.listed = slices.DeleteFunc(l.listed, func(s listing) bool {
		if !l.guarding && atomic.LoadUint32(&s.p.shared.running) == released {
			s.word.Store(0)
		}
		return s.word.Load() == 0
	})
}

// guard is the guard's life.
func (l *startList) guard() {
	for {
		guardInCall(&l.guardian)
		if l.dismiss() {
			return
		}
	}
}

// dismiss reports whether no child is left to guard.
func (l *startList) dismiss() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.listed {
		switch atomic.LoadUint32(&s.p.shared.running) {
		case waited, guarded:
			return false
		}
	}
	l.guarding = false
	l.sweep()
	return true
}

// guardPatience is how long the guard waits for one word before it looks at the
// others, too: they are forgotten only then.
const guardPatience = 50 * time.Millisecond

// A guardian is what the guard sees. The assembly knows its offsets from go_asm.h,
// which the compiler writes.
type guardian struct {
	onDuty uint32    // 1 while all signals are blocked, and a listed word is waited for
	masks  [2]uint64 // a full signal mask, and that of the guard's thread
	limit  unix.Timespec
	words  guardPage
}

const guardPageWords = 127

// A guardPage has the addresses of words. The guard takes out those that are cleared.
// A page stays.
type guardPage struct {
	words [guardPageWords]uintptr
	next  *guardPage
}

// list has the guard wait for a word, and returns where it is noted. The caller holds
// the lock of all who do this.
func (g *guardian) list(word *uint32) (place *atomic.Uintptr) {
	page := &g.words
	for {
		for i := range page.words {
			place := (*atomic.Uintptr)(unsafe.Pointer(&page.words[i]))
			if place.Load() == 0 {
				place.Store(uintptr(unsafe.Pointer(word)))
				return place
			}
		}
		next := (*unsafe.Pointer)(unsafe.Pointer(&page.next))
		if page.next == nil {
			atomic.StorePointer(next, unsafe.Pointer(new(guardPage)))
		}
		page = page.next
	}
}

// guard waits with all signals blocked until there is no listed word of a child that has
// been made and has not let go. It is not preempted.
//
//go:noescape
func guard(duty *guardian)

// guardInCall is guard as a system call in the eyes of the Go runtime, like cloneInCall.
//
//go:nosplit
//go:norace
func guardInCall(duty *guardian) {
	entersyscall()
	guard(duty)
	exitsyscall()
}
