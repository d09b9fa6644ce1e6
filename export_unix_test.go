//go:build unix

package ward

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// BeginStart is the first half of a Start that takes its time: it has come to
// where its child is or is not there yet. finish is the second half, with the
// child, and fail is that without.
func BeginStart() (finish func(pid int) Handle, fail func()) {
	batch := children.beginStart()
	fail = func() { children.endStart(batch) }
	return func(pid int) Handle {
		r, w, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		w.Close()
		b := &fallback{lifeline: r, release: func() {}}
		p := newProcess(pid, b)
		p.adopt(func() error { b.watch(p); return nil }, nil)
		children.endStart(batch)
		return p
	}, fail
}

// HandOver is what a Wait4 by number does when it has taken the child, before it
// tells the handle.
func HandOver(h Handle, status syscall.WaitStatus) {
	numbers.Lock()
	defer numbers.Unlock()
	taken.add(&State{pid: h.PID(), status: status})
}

// SignalNumber signals a number whose process is gone, which nobody has noticed.
func SignalNumber(pid int, sig os.Signal) error {
	return signalNumber(pid, sig, func() bool { return false })
}

// Pace runs n scans, with a hint always there.
func Pace(n int, look func()) {
	s := scanPacer{hint: make(chan os.Signal, 1)}
	for range n {
		select {
		case s.hint <- os.Interrupt:
		default:
		}
		s.awaitNext(nil)
		s.run(func() (found bool) { look(); return false })
	}
	s.awaitRest(nil)
}

// TimedScans returns how long a pacer waits before each of n scans that no signal
// brings, and which find something or not.
func TimedScans(found ...bool) (waits []time.Duration) {
	s := scanPacer{hint: make(chan os.Signal, 1), timed: true}
	defer signal.Stop(s.hint)
	for _, found := range found {
		waits = append(waits, s.longestWait().Round(scanInterval))
		s.run(func() bool { return found })
	}
	return waits
}

// HearsAfterReset reports whether a pacer hears SIGCHLD again, from its next scan
// without a hint on, that the program has called signal.Reset.
func HearsAfterReset() bool {
	var s scanPacer
	defer s.listen()()
	signal.Reset(syscall.SIGCHLD)
	s.timed = true
	s.run(func() bool { return false })
	syscall.Kill(os.Getpid(), syscall.SIGCHLD)
	select {
	case <-s.hint:
		return true
	case <-time.After(5 * time.Second):
		return false
	}
}
