package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"github.com/wardproc/ward/internal/tinyprog"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("ids and the like", func([]string) { fmt.Println(idsAndTheLike()) })
	selftest.Register("start on a changed thread", func(args []string) { startOnChangedThread(args[0]) })
	selftest.Register("start and change ids", func(args []string) { startAndChangeIDs(args[0]) })
}

func needRoot(t *testing.T) {
	t.Helper()
	if err := selftest.MayBecome(childtest.Nobody); err != nil {
		t.Skip(err)
	}
}

// flagDuringStart starts a child with Credential, calls during in the middle of the
// start, and returns the program's dumpable flag then and after the start.
func flagDuringStart(t *testing.T, during func()) (then, after int) {
	t.Helper()
	needRoot(t)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) })
	program := writeSlowProgram(t, childtest.OpenFolder(t), tinyprog.Exit(runtime.GOARCH))
	started := make(chan error, 1)
	go func() { started <- run(program.path, &ward.Attr{Sys: asNobody()}) }()
	program.awaitExec(t)
	then, _ = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	during()
	program.release()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	after, _ = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return then, after
}

func TestStartWithCredentialLeavesTheProgramDumpable(t *testing.T) {
	childtest.NeedSpawnPrograms(t) // the standard library leaves it off
	if then, after := flagDuringStart(t, func() {}); then != 1 || after != 1 {
		t.Errorf("dumpable is %d during the start, and %d after it", then, after)
	}
}

func TestStartWithCredentialLeavesTheProgramUndumpable(t *testing.T) {
	clear := func() { unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
	if _, after := flagDuringStart(t, clear); after != 0 {
		t.Errorf("dumpable is %d after a start during which it was set to 0", after)
	}
}

// A child that another user may stop, or attach to, must not share our memory.
func TestChildThatChangesItsIDsSharesNoMemory(t *testing.T) {
	childtest.NeedSpawnPrograms(t)
	if !sharesMemory(os.Getpid()) {
		t.Skip("kcmp(KCMP_VM) is refused")
	}
	shared, found := false, false
	flagDuringStart(t, func() {
		for _, pid := range processes(t) {
			if uidOf(pid) == childtest.Nobody && programOf(pid) == programOf(os.Getpid()) {
				found = true
				shared = shared || sharesMemory(pid)
			}
		}
	})
	if !found || shared {
		t.Errorf("the child was found: %v, and shared our memory: %v", found, shared)
	}
}

// sharesMemory wraps kcmp(2) with KCMP_VM.
func sharesMemory(pid int) bool {
	const kcmpVM = 1
	result, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(os.Getpid()), uintptr(pid), kcmpVM, 0, 0, 0)
	return errno == 0 && result == 0
}

// processes returns the numbers of all processes.
func processes(t *testing.T) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip(err)
	}
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func uidOf(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, line, _ := bytes.Cut(status, []byte("\nUid:\t"))
	uid, _, _ := bytes.Cut(line, []byte("\t"))
	n, err := strconv.Atoi(string(uid))
	if err != nil {
		return -1
	}
	return n
}

// programOf returns the file that a process executes: before its exec a child has
// that of its parent.
func programOf(pid int) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return path
}

// With os/exec, too, the change waits: until then a process of the old user shares
// the program's memory.
func TestChangeOfIDsWaitsForTheExec(t *testing.T) {
	needRoot(t)
	changeIDsDuringStarts(t, "start and change ids")
}

// changeIDsDuringStarts has a helper start a slow program, and then change its ids.
func changeIDsDuringStarts(t *testing.T, helper string, args ...string) {
	t.Helper()
	program := writeSlowProgram(t, childtest.OpenFolder(t), tinyprog.Exit(runtime.GOARCH))
	r, w := childtest.Pipe(t)
	in, change := childtest.Pipe(t)
	h := childtest.Start(t, &ward.Attr{Files: []*os.File{in, w, os.Stderr}}, helper, append(args, program.path)...)
	w.Close()
	program.awaitExec(t)
	change.Close()
	if line := childtest.ReadLine(t, r); line != "now" {
		t.Errorf("the program says %q", line)
	}
	lines := make(chan string, 1)
	go func() { lines <- childtest.ReadLine(t, r) }()
	select {
	case line := <-lines:
		t.Errorf("the program is %q in the middle of a start", line)
	case <-time.After(500 * time.Millisecond):
	}
	program.release()
	select {
	case <-lines:
	case <-time.After(20 * time.Second):
		t.Error("the change does not come after the exec")
	}
	if state := childtest.Wait(t, h); !state.Success() {
		t.Error(state)
	}
}

// startAndChangeIDs changes its user in the middle of a start.
func startAndChangeIDs(program string) {
	started := make(chan error, 1)
	go func() { started <- run(program, nil) }()
	io.Copy(io.Discard, os.Stdin) // until the test says so
	changeIDs()
	if err := <-started; err != nil {
		childtest.Complain("%v", err)
	}
}

func changeIDs() {
	fmt.Println("now")
	if err := syscall.Setuid(childtest.Nobody); err != nil {
		childtest.Complain("%v", err)
	}
	fmt.Println("changed")
}

// A thread that has given up rights, or entered a namespace, has children of its kind.
func TestChildHasWhatALockedThreadHas(t *testing.T) {
	needRoot(t)
	for change := range threadChanges {
		t.Run(change, func(t *testing.T) {
			childtest.Report(t, nil, "start on a changed thread", change)
		})
	}
}

// threadChanges change the calling thread only.
var threadChanges = map[string]func() error{
	"ids": func() error {
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, childtest.Nobody, childtest.Nobody, childtest.Nobody)
		if errno != 0 {
			return errno
		}
		return nil
	},
	"network":  func() error { return unix.Unshare(unix.CLONE_NEWNET) },
	"Landlock": forbidFolders,
}

// forbidFolders has Landlock forbid the calling thread to read folders.
func forbidFolders() error {
	rules := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_READ_DIR}
	size := unsafe.Sizeof(rules.Handled_access_fs) // that of the first version
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), size, 0)
	if errno != 0 {
		return os.NewSyscallError("landlock_create_ruleset", errno)
	}
	defer unix.Close(int(fd))
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return os.NewSyscallError("landlock_restrict_self", errno)
	}
	return nil
}

// idsAndTheLike is what threadChanges change.
func idsAndTheLike() string {
	_, err := os.ReadDir("/")
	return fmt.Sprint(unix.Getuid(), network(), err)
}

// network names the network namespace of the calling thread.
func network() string {
	name, _ := os.Readlink("/proc/thread-self/ns/net")
	return name
}

func startOnChangedThread(change string) {
	// A parent of such children that is there already must not be used.
	r, w, err := os.Pipe()
	must(err)
	for _, private := range []bool{false, true} {
		attr := &ward.Attr{KillOnParentExit: true, Private: private, Files: []*os.File{r}}
		early, err := childtest.TryStart(attr, "stdin", "0")
		if private && errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		must(err)
		defer func() { w.Close(); <-early.Done() }()
	}
	runtime.LockOSThread()
	if err := threadChanges[change](); err != nil {
		fmt.Println("not tried:", err)
		return
	}
	want := fmt.Sprintln(idsAndTheLike())
	for name, attr := range map[string]*ward.Attr{
		"plain":            {},
		"Private":          {Private: true},
		"KillOnParentExit": {KillOnParentExit: true},
		"Pdeathsig":        {Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			childtest.Complain("%v", err)
		}
		attr.Files = []*os.File{nil, w}
		h, err := childtest.TryStart(attr, "ids and the like")
		w.Close()
		if errors.Is(err, errors.ErrUnsupported) && (childtest.Private || attr.Private) {
			fmt.Println(name, err) // never silently more
			continue
		}
		if err != nil {
			childtest.Complain("%s: %v", name, err)
		}
		got, _ := io.ReadAll(r)
		<-h.Done()
		if string(got) != want {
			childtest.Complain("%s: the child has %q, and its thread %q", name, got, want)
		}
	}
}
