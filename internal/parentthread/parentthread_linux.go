// Package parentthread has a thread that starts the children which are to get a
// signal when the program dies. The kernel sends that signal when the thread that
// started the child ends, which the Go runtime's threads may do at any time
// (golang/go#27505). This one stays for as long as one of the children.
//
// It is for callers that are not locked to a thread: their children may come from any.
// A locked one may have given its thread ids, filters or namespaces of its own, which a
// child of another thread would lack.
package parentthread

import (
	"bytes"
	"runtime"
	"sync"

	"github.com/wardproc/ward/internal/lockorder"
	"golang.org/x/sys/unix"
)

// Programs makes the children of spawn programs, and Standard those of package syscall,
// whose starts wait for a hung one.
var Programs, Standard Thread

// A Thread is there from the first Call while somebody holds it.
type Thread struct {
	mu    lockorder.Mutex[lockorder.ParentThread] // guards the fields below
	holds int                                     // children, and starts under way
	calls chan func()                             // to the thread, if there is one
}

// CallerIsLocked reports whether the calling goroutine is locked to its thread, by
// runtime.LockOSThread. Where it cannot tell, it says so of all. To compare what the
// thread has, in /proc, takes many times as long.
func CallerIsLocked() bool { return !tells() || headSaysLocked() }

// headSaysLocked reads the first line of the goroutine's stack trace.
func headSaysLocked() bool {
	var head [128]byte
	n := runtime.Stack(head[:], false)
	line, _, _ := bytes.Cut(head[:n], []byte("\n"))
	return bytes.Contains(line, []byte("locked to thread"))
}

// tells tries whether a release of Go still words it so.
var tells = sync.OnceValue(func() bool {
	told := make(chan bool)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		told <- headSaysLocked()
	}()
	return <-told
})

// Hold keeps the thread until Release.
func (t *Thread) Hold() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holds++
}

// begin returns where the thread takes calls.
func (t *Thread) begin() chan<- func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = make(chan func())
		go serve(t.calls)
	}
	return t.calls
}

func serve(calls <-chan func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for call := range calls {
		call()
	}
}

// Release ends what Hold began.
func (t *Thread) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holds--
	if t.holds == 0 && t.calls != nil {
		close(t.calls)
		t.calls = nil
	}
}

// Call calls f on the thread, which the caller holds, with the signal mask of
// the caller's own thread.
func (t *Thread) Call(f func() error) error {
	calls := t.begin()
	var mask unix.Sigset_t
	unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask)
	result := make(chan error, 1)
	calls <- func() {
		var own unix.Sigset_t
		unix.PthreadSigmask(unix.SIG_SETMASK, &mask, &own)
		defer unix.PthreadSigmask(unix.SIG_SETMASK, &own, nil)
		result <- f()
	}
	return <-result
}
