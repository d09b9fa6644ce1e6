// Package parentthread has a thread that starts the children which are to get a
// signal when the program dies. The kernel sends that signal when the thread that
// started the child ends, which the Go runtime's threads may do at any time
// (golang/go#27505). This one stays for as long as one of the children.
package parentthread

import (
	"runtime"

	"github.com/wardproc/ward/internal/lockorder"
	"golang.org/x/sys/unix"
)

// thread is the one that there is while somebody holds it.
var thread struct {
	mu    lockorder.Mutex[lockorder.ParentThread] // guards the fields below
	holds int                                     // children, and starts under way
	calls chan func()                             // to the thread, if there is one
}

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
