package ward

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"github.com/wardproc/ward/internal/lockorder"
	"github.com/wardproc/ward/internal/mux"
	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/wait4"
	"golang.org/x/sys/unix"
)

// subtree is Attr.Tree: a child and its descendants, as the kernel counts them for
// the program as their reaper. See procctl(2), PROC_REAP_ACQUIRE. Neither a new
// session nor the death of its parent takes a descendant out of it.
//
// The child itself as the reaper would not do: what is left of the tree would
// go to init with the child's exit. Nor would a process group, which a
// descendant leaves at will.
//
// A subtree has the child's number, which the kernel gives to no other process
// while anybody is left: PROC_ID_REAP in sys/kern/kern_fork.c.
type subtree struct {
	// reaping.mu guards the fields.
	pid    int  // 0 until the child is started
	exited bool // the child has been reaped
	empty  bool // nobody is left
}

// reaping is the program's role as a reaper. It lasts while there is a subtree or an
// orphan of one: orphans come to the program as children, and are reaped.
var reaping reaperRole

type reaperRole struct {
	mu       lockorder.Mutex[lockorder.TreeRole] // guards the fields below. It may be taken under a process's
	trees    map[*subtree]struct{}
	watchID  mux.ID // of SIGCHLD, which the death of an orphan raises
	on       bool
	acquired bool // else the program had the role already, and reaps orphans itself
	pending  bool // a sweep is to come
}

// sweepPause is how long a sweep waits for more to do: it looks at every
// descendant.
const sweepPause = 2 * time.Millisecond

// add returns a subtree for a child to come.
func (r *reaperRole) add() (*subtree, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.on {
		if err := r.begin(); err != nil {
			return nil, err
		}
	}
	t := new(subtree)
	r.trees[t] = struct{}{}
	return t, nil
}

func (r *reaperRole) begin() error {
	if err := exits.Reserve(); err != nil {
		return err
	}
	id, err := exits.WatchSignal(unix.SIGCHLD, r)
	if err == nil {
		err = procctl("ACQUIRE", reapAcquire, nil)
	}
	if err != nil && !errors.Is(err, unix.EBUSY) {
		exits.RemoveSignal(unix.SIGCHLD, id)
		return err
	}
	r.on, r.acquired, r.watchID = true, err == nil, id
	r.trees = make(map[*subtree]struct{})
	return nil
}

// ExitHeard is called by exits after a SIGCHLD.
func (r *reaperRole) ExitHeard(uint32, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweepSoon()
}

// DescriptorLost is called when a SIGCHLD may have been missed.
func (r *reaperRole) DescriptorLost() { r.ExitHeard(0, false) }

// sweepSoon has sweep called. The caller holds mu.
func (r *reaperRole) sweepSoon() {
	if r.pending {
		return
	}
	r.pending = true
	time.AfterFunc(sweepPause, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.pending = false
		if r.on {
			r.sweep()
		}
	})
}

// sweep reaps orphans, finds out which subtrees are empty, and ends the role
// when it is of no more use. The caller holds mu.
func (r *reaperRole) sweep() {
	all, err := descendants()
	for err == nil && r.acquired && reapOrphans(all) {
		all, err = descendants()
	}
	if err != nil {
		return // nothing is known
	}
	for t := range r.trees {
		if t.exited && !t.has(all) {
			t.empty = true
			delete(r.trees, t)
		}
	}
	if len(r.trees) == 0 && !(r.acquired && anyOrphan(all)) {
		r.end()
	}
}

func (r *reaperRole) end() {
	if r.acquired {
		procctl("RELEASE", reapRelease, nil)
	}
	exits.RemoveSignal(unix.SIGCHLD, r.watchID)
	r.on, r.trees = false, nil
}

// has reports whether all holds a member of t, whose child has been reaped. Is
// there a process with its number, then that is a new child's subtree.
func (t *subtree) has(all []descendant) bool {
	found := false
	for _, d := range all {
		if d.pid == int32(t.pid) {
			return false
		}
		if d.subtree == int32(t.pid) {
			found = true
		}
	}
	return found
}

// started gives t its number.
func (t *subtree) started(pid int) {
	reaping.mu.Lock()
	t.pid = pid
	reaping.mu.Unlock()
}

// kill wraps procctl(PROC_REAP_KILL). From FreeBSD 14 on the kernel stops each member
// to signal it, and goes round until there is no new one. Where one got away by
// a fork, another call finds it: the subtree is kept until it is empty.
func (t *subtree) kill(*process) error {
	reaping.mu.Lock()
	defer reaping.mu.Unlock()
	if t.exited && !t.empty {
		reaping.sweep()
	}
	if t.empty {
		return processDone{}
	}
	k := reaperKill{signal: int32(unix.SIGKILL), flags: killSubtree, subtree: int32(t.pid)}
	err := procctl("KILL", reapKill, unsafe.Pointer(&k))
	switch {
	case errors.Is(err, unix.ESRCH): // all are about to exit
		return processDone{}
	case err == nil && k.failed > 0: // it reached others
		return os.NewSyscallError("procctl(PROC_REAP_KILL)", unix.EPERM)
	}
	return err
}

// gone is called once the child has been reaped. It learns late of an empty
// subtree: kill looks for itself.
func (t *subtree) gone(*process) bool {
	reaping.mu.Lock()
	defer reaping.mu.Unlock()
	t.exited = true
	reaping.sweepSoon()
	return t.empty
}

func (t *subtree) close() {
	reaping.mu.Lock()
	defer reaping.mu.Unlock()
	t.empty = true
	delete(reaping.trees, t)
	reaping.sweepSoon()
}

// reapOrphans reports whether it has reaped any.
func reapOrphans(all []descendant) (reaped bool) {
	for _, d := range all {
		if d.orphan() {
			var status syscall.WaitStatus
			pid, _ := wait4.Try(int(d.pid), &status, nil)
			reaped = reaped || pid > 0
		}
	}
	return reaped
}

func anyOrphan(all []descendant) bool {
	for _, d := range all {
		if d.orphan() {
			return true
		}
	}
	return false
}

// orphan reports whether d has become the program's child by the death of its
// parent: a child that the program started is the first of its own subtree.
func (d descendant) orphan() bool { return d.flags&isChild != 0 && d.pid != d.subtree }

// The commands of procctl(2) and their structures: <sys/procctl.h>.
const (
	reapAcquire = 2
	reapRelease = 3
	reapStatus  = 4
	reapGetpids = 5
	reapKill    = 6
)

type reaperStatus struct {
	flags, children, descendants uint32
	reaper, pid                  int32
	_                            [15]uint32
}

type reaperKill struct {
	signal  int32
	flags   uint32
	subtree int32
	killed  uint32
	failed  int32 // the first process that could not be signalled, or -1
	_       [15]uint32
}

const killSubtree = 0x2 // REAPER_KILL_SUBTREE

type reaperPids struct {
	count uint32
	_     [15]uint32
	pids  *descendant
}

// descendant is struct procctl_reaper_pidinfo.
type descendant struct {
	pid, subtree int32
	flags        uint32
	_            [15]uint32
}

const (
	isValid = 0x1 // REAPER_PIDINFO_VALID
	isChild = 0x2 // REAPER_PIDINFO_CHILD
)

// descendants wraps procctl(PROC_REAP_GETPIDS). Those of the program from before it
// was a reaper are not among them.
func descendants() ([]descendant, error) {
	for size := 64; ; size *= 2 {
		all := make([]descendant, size)
		request := reaperPids{count: uint32(size), pids: &all[0]}
		if err := procctl("GETPIDS", reapGetpids, unsafe.Pointer(&request)); err != nil {
			return nil, err
		}
		for i, d := range all {
			if d.flags&isValid == 0 {
				return all[:i], nil
			}
		}
	}
}

// procctl wraps procctl(2) for the program itself, with the command PROC_REAP_name.
// Its second argument has 64 bits, so this is for systems whose registers have.
func procctl(name string, command int, data unsafe.Pointer) error {
	const pPID = 0 // P_PID of <sys/wait.h>
	for {
		_, _, errno := unix.Syscall6(unix.SYS_PROCCTL, pPID, uintptr(os.Getpid()), uintptr(command), uintptr(data), 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return os.NewSyscallError("procctl(PROC_REAP_"+name+")", errno)
		}
		return nil
	}
}

// reapersWork tells what Attr.Tree needs and the system refuses. The kernel keeps no
// subtrees for init.
var reapersWork = probe.Probe{Try: func() error {
	if os.Getpid() == 1 {
		return unsupported("Attr.Tree in PID 1")
	}
	return procctl("STATUS", reapStatus, unsafe.Pointer(new(reaperStatus)))
}}

func init() {
	if unsafe.Sizeof(uintptr(0)) == 8 { // see procctl
		setSubreaper = reaping.set
	}
}

// set has the program take the role, or give it up, by a call of its own. While
// there is a subtree the role goes over, and is not given back.
func (r *reaperRole) set(on bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.on && on == r.acquired:
		r.acquired = !on
		return nil
	case on:
		return procctl("ACQUIRE", reapAcquire, nil)
	case r.on: // for the package only
		return unix.EINVAL
	}
	return procctl("RELEASE", reapRelease, nil)
}
