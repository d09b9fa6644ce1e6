package mux

import (
	"os"
	"slices"
	"time"

	"github.com/wardproc/ward/internal/lockorder"
	"golang.org/x/sys/windows"
)

// groupSize is how many processes one call of WaitForMultipleObjects can wait
// for: MAXIMUM_WAIT_OBJECTS, less the event that wakes the call.
const groupSize = 64 - 1

// Groups watches processes by WaitForMultipleObjects, 63 to a thread. The zero
// Groups is ready for use and holds nothing; threads start and end as needed.
type Groups struct {
	mu     lockorder.Mutex[lockorder.Mux] // guards groups and what its members say it does
	groups []*group
}

// A group is one goroutine, and with it a thread, that waits.
type group struct {
	all    *Groups
	wake   windows.Handle // an event, set when joined has become longer
	size   int            // how many it waits for or will; guarded by all.mu
	joined []watch        // those that run has not seen; guarded by all.mu

	// What run waits for: wake, then each watch's process. A field, because
	// WaitForMultipleObjects of x/sys may not be given an array on the stack.
	handles []windows.Handle
}

// A watch is one process that is waited for.
type watch struct {
	process windows.Handle // a copy, so that nobody closes it under the wait
	watcher Watcher
}

// Watch has w told once, when process has exited. The handle need not stay
// open until then.
func (a *Groups) Watch(process windows.Handle, w Watcher) error {
	self := windows.CurrentProcess()
	var copied windows.Handle
	err := windows.DuplicateHandle(self, process, self, &copied, windows.SYNCHRONIZE, false, 0)
	if err != nil {
		return os.NewSyscallError("DuplicateHandle", err)
	}
	if err := a.add(watch{copied, w}); err != nil {
		windows.CloseHandle(copied)
		return err
	}
	return nil
}

func (a *Groups) add(w watch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	g, err := a.withRoom()
	if err != nil {
		return err
	}
	if err := windows.SetEvent(g.wake); err != nil {
		return os.NewSyscallError("SetEvent", err)
	}
	g.joined = append(g.joined, w)
	g.size++
	return nil
}

// withRoom returns the first group that is not full: so the last ones empty
// and end. The caller holds mu.
func (a *Groups) withRoom() (*group, error) {
	for _, g := range a.groups {
		if g.size < groupSize {
			return g, nil
		}
	}
	wake, err := windows.CreateEvent(nil, 0, 0, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateEvent", err)
	}
	g := &group{all: a, wake: wake, handles: []windows.Handle{wake}}
	a.groups = append(a.groups, g)
	go g.run()
	return g, nil
}

// run waits until the group has been empty for the linger time.
func (g *group) run() {
	watches := []watch{{}} // with the same index as their handles
	for {
		timeout := uint32(windows.INFINITE)
		if len(watches) == 1 {
			timeout = uint32(Linger.Milliseconds())
		}
		i, err := windows.WaitForMultipleObjects(g.handles, false, timeout)
		switch {
		case err != nil:
			watches = g.mend(watches)
		case i == uint32(windows.WAIT_TIMEOUT):
			if g.end() {
				return
			}
		case i == windows.WAIT_OBJECT_0:
			for _, w := range g.takeJoined() {
				g.handles = append(g.handles, w.process)
				watches = append(watches, w)
			}
		default:
			w := watches[i]
			g.handles = slices.Delete(g.handles, int(i), int(i)+1)
			watches = slices.Delete(watches, int(i), int(i)+1)
			g.exited(w)
		}
	}
}

// mend drops the handles that a stranger has closed, which the wait fails at, and
// returns the watches that are left. If the event is one of them, there is another.
func (g *group) mend(watches []watch) []watch {
	if waitable(g.handles[0]) {
		time.Sleep(time.Millisecond) // no haste, whatever the wait has failed at
	} else {
		g.renewWake()
	}
	left := slices.DeleteFunc(watches[1:], func(w watch) bool {
		if waitable(w.process) {
			return false
		}
		g.leave()
		go w.watcher.DescriptorLost()
		return true
	})
	g.handles = g.handles[:1]
	for _, w := range left {
		g.handles = append(g.handles, w.process)
	}
	return watches[:1+len(left)]
}

func waitable(h windows.Handle) bool {
	_, err := windows.WaitForSingleObject(h, 0)
	return err == nil
}

// renewWake makes another event. It is set, as the lost one may have been.
func (g *group) renewWake() {
	wake, err := windows.CreateEvent(nil, 0, 1, nil)
	if err != nil {
		time.Sleep(Linger) // the wait fails, and it is tried again
		return
	}
	g.all.mu.Lock()
	defer g.all.mu.Unlock()
	g.wake, g.handles[0] = wake, wake
}

// leave is called when the group waits for one process less.
func (g *group) leave() {
	g.all.mu.Lock()
	defer g.all.mu.Unlock()
	g.size--
}

func (g *group) takeJoined() []watch {
	g.all.mu.Lock()
	defer g.all.mu.Unlock()
	joined := g.joined
	g.joined = nil
	return joined
}

func (g *group) exited(w watch) {
	w.watcher.ExitHeard(0, false)
	windows.CloseHandle(w.process)
	g.leave()
}

// end gives everything back, if the group is empty.
func (g *group) end() bool {
	g.all.mu.Lock()
	defer g.all.mu.Unlock()
	if g.size > 0 {
		return false
	}
	i := slices.Index(g.all.groups, g)
	g.all.groups = slices.Delete(g.all.groups, i, i+1)
	windows.CloseHandle(g.wake)
	return true
}
