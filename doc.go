// Package ward starts private child processes: children that no other code in
// the program can lose, signal by mistake, or wait for in our place.
//
//	h, err := ward.Start("/usr/bin/sort", []string{"sort", "names"}, &ward.Attr{
//		Files: []*os.File{nil, os.Stdout, os.Stderr},
//	})
//	if err != nil {
//		return err
//	}
//	state, err := h.Wait(ctx) // any number of callers, any number of times
//
// A [Handle] refers to one process, not to a number. Its status is read once
// and kept; a signal reaches that process or nobody; a child that is dropped
// is still reaped. A function of the program itself can be the child, too: see
// [Func]. Ten thousand waiting children need no thread and, in a
// [Set], no goroutine, but on the fallback backend one each. With no live child
// the package holds neither goroutine nor descriptor, from 50 ms after the last
// exit on.
//
// # Tiers
//
// What can a wait4(-1) elsewhere in the program do to a child?
//
//   - private, on FreeBSD (pdfork) and Windows, and on Linux 5.9 and later with
//     Attr.Private: nothing; it cannot take the child.
//   - recoverable, on Linux 6.15 and later and on Darwin: it can take the
//     zombie; Wait reads the exact status back (PIDFD_GET_INFO,
//     NOTE_EXITSTATUS), without resource usage.
//   - detectable, on older Linux and every other Unix: it can take the status;
//     Wait then returns [ErrStatusLost]. No status is ever invented.
//
// [Capabilities] reports the tier, the backend and each feature that was tried.
//
// # Systems
//
// Linux 5.4 and later use pidfds and one epoll descriptor inside the Go
// runtime's poller. FreeBSD uses process descriptors, Darwin the numbers of its
// children, both with one kqueue and one thread in kevent(2). On Darwin, and on
// FreeBSD for what a spawn program does not cover, a thief that is faster than
// the registration with the kqueue takes the status for good. Older Linux,
// systems under a filter that refuses these calls, and every other Unix use the
// fallback: a pipe and a goroutine for each child, and a reap table.
//
// Windows uses process handles and one completion port, or a thread for every
// 63 children where there are no wait completion packets, and jobs for what
// [Attr] asks for. Its only signals are [os.Kill], and [os.Interrupt] as
// CTRL_BREAK for a child with CREATE_NEW_PROCESS_GROUP in Sys.CreationFlags.
// Elsewhere the package compiles and [Start] returns [errors.ErrUnsupported].
//
// # Environment
//
// The variable WARDDEBUG forces a choice, for tests and for users in trouble:
// backend=pidfd, procdesc, kqueue or fallback, spawn=std, recover=off,
// private=parent for parents of private children where the kernel could reap them, and,
// for threads of 63 children on Windows, packets=off, separated by commas. A
// misspelt setting is an error of Start. WARD_FUNC is how a child knows its [Function].
//
// Whoever runs a program chooses its environment. So both variables are without effect
// in secure-execution mode, which a program was started in that is set-user-ID or
// set-group-ID: on Linux AT_SECURE of getauxval(3), which file capabilities and
// security modules turn on, too; on Darwin and the BSDs issetugid(2); on all Unix
// systems effective ids that are not the real ones. Such a program has no [Function].
// The package reads no other variable. Package exec looks for programs as os/exec
// does, by PATH and on Windows by PATHEXT.
//
// # What tools see
//
// On Linux, what counts or copies processes meets private children and their parents
// (see Attr.Private), too:
//
//   - RUSAGE_CHILDREN of getrusage(2), and so time(1), lacks private children, as the
//     program does not wait for them. The State of a child with a parent of its own
//     has its usage.
//   - Such a parent shows the program's memory as its own. A sum of RSS, or of PSS, over
//     processes counts the heap once more for each; a cgroup counts it once.
//   - CRIU cannot dump a program while there is one, which shares its memory without
//     being a thread of it.
//   - A child that itself asks for a signal at its parent's death, by PR_SET_PDEATHSIG of
//     prctl(2), gets it when the thread ends that started it, as with os/exec: the Go
//     runtime ends one when a goroutine that is locked to it returns. With Sys.Pdeathsig or
//     Attr.KillOnParentExit the thread is one that stays.
//
// # Descriptors
//
// The package's descriptors belong to it, and other code must not close them. If some
// does, as by closing a number twice, no signal goes to whatever has the number next,
// and the package closes nothing that is not its own. It looks at a number before it
// uses it, and so notices when a method of the handle is called, when another child
// gets the number, and for what all children share at the next call that starts a
// child, waits or begins to wait. A Wait that has begun before is not woken by the
// close itself: it ends when the loss is noticed.
//
// Of a pidfd that is lost another one takes the place, and the handle goes on as if
// nothing had happened, if that is certain to be the same process's: on Linux 6.9 and
// later, where pidfd_open is allowed, until the child has been reaped. Otherwise the
// methods return [ErrDescriptorLost]: how the child ends is not known then, and it is
// not reaped by its number, which could be another child's. [Wait4] and a [Reaper] take
// it as nobody's. On FreeBSD the kernel gives a child whose process descriptor is closed
// to another parent, or kills it with Attr.KillOnParentExit.
//
// Another epoll or kqueue descriptor, or completion port, takes the place of one that is
// lost, and hears what has happened meanwhile. On the fallback backend the pipe of a
// child is only a hint, and the exit is heard of without it.
package ward
