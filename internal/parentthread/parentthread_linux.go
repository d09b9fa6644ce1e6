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

// thread is the one that there is while somebody holds it.
var thread struct {
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
func Hold() {
	thread.mu.Lock()
	defer thread.mu.Unlock()
	thread.holds++
	if thread.calls == nil {
		thread.calls = make(chan func())
		go serve(thread.calls)
	}
}

func serve(calls <-chan func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for call := range calls {
		call()
	}
}

// Release ends what Hold began.
func Release() {
	thread.mu.Lock()
	defer thread.mu.Unlock()
	thread.holds--
	if thread.holds == 0 {
		close(thread.calls)
		thread.calls = nil
	}
}

// Call calls f on the thread, which the caller holds, with the signal mask of
// the caller's own thread.
func Call(f func() error) error {
	thread.mu.Lock()
	calls := thread.calls
	thread.mu.Unlock()
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
