package conformance_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("execute with a lock and a port", func(args []string) { executeWithLock(args[0], selftest.Number(args[1])) })
	selftest.Register("look at the lock and the port", func(args []string) { lookAtLock(args[0], selftest.Number(args[1])) })
	selftest.Register("whose lock", func(args []string) { fmt.Println(ownerOfLock(args[0])) })
	selftest.Register("execute a set-user-ID program", func(args []string) { executeSetUserID(selftest.Number(args[0])) })
	selftest.Register("effective user", func([]string) { fmt.Println(os.Getuid(), os.Geteuid()) })
}

// startPrivatePair starts two private children, of which one has a parent that has
// sealed itself.
func startPrivatePair() {
	for i := range 2 {
		_, err := childtest.TryStart(&ward.Attr{Private: true, KillOnParentExit: true}, "sleep")
		must(err)
		if i == 0 {
			time.Sleep(30 * time.Millisecond)
		}
	}
}

// A parent with the program's table of descriptors would have the program execute with a
// copy, which the record locks do not go with, and would keep what that closes.
func TestExecKeepsRecordLocksAndClosesPortsBesidePrivateChildren(t *testing.T) {
	needPrivate(t)
	lock := filepath.Join(t.TempDir(), "lock")
	alone := childtest.Start(t, &ward.Attr{Env: byParent}, "execute with a lock and a port", lock, "0")
	if state := childtest.Wait(t, alone); !state.Success() {
		t.Skip("a program without children loses its record lock by an exec, too")
	}
	childtest.Report(t, &ward.Attr{Env: byParent}, "execute with a lock and a port", lock, "2")
}

func executeWithLock(path string, children int) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT, 0o600) // stays open
	must(err)
	must(unix.FcntlFlock(uintptr(fd), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	_, port, err := listen(0)
	must(err)
	if children > 0 {
		startPrivatePair()
	}
	self, argv, env := selftest.Command("look at the lock and the port", path, strconv.Itoa(port))
	must(syscall.Exec(self, argv, env))
}

// lookAtLock does so at once, and when the old children's parents have gone.
func lookAtLock(path string, port int) {
	fd, _, err := listen(port)
	if err != nil {
		childtest.Complain("the port at once: %v", err)
	}
	unix.Close(fd)
	look := func(when string) {
		r, w, err := os.Pipe()
		must(err)
		_, err = childtest.TryStart(&ward.Attr{Files: []*os.File{nil, w, os.Stderr}}, "whose lock", path)
		must(err)
		w.Close()
		owner, _ := io.ReadAll(r)
		r.Close()
		if got := strings.TrimSpace(string(owner)); got != strconv.Itoa(os.Getpid()) {
			childtest.Complain("the lock %s belongs to %q, and this program is %d", when, got, os.Getpid())
		}
	}
	look("at once")
	for range 500 {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WALL, nil)
		if errors.Is(err, unix.ECHILD) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	look("later")
}

// ownerOfLock returns the process that has a lock on the file, and 0 if none has.
func ownerOfLock(path string) int {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(err)
	defer file.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	must(unix.FcntlFlock(file.Fd(), unix.F_GETLK, &lock))
	if lock.Type == unix.F_UNLCK {
		return 0
	}
	return int(lock.Pid)
}

// A parent with the program's working directory and umask would keep it from changing
// its user by an exec.
func TestSetUserIDProgramExecutedBesidePrivateChildrenGetsItsUser(t *testing.T) {
	needPrivate(t)
	program := ownCopy(t)
	if err := program.Chmod(os.ModeSetuid | 0o755); err != nil {
		t.Fatal(err)
	}
	childtest.NeedCredential(t)
	for _, children := range []int{0, 1} {
		r, w := childtest.Pipe(t)
		h := childtest.Start(t, &ward.Attr{
			Files: []*os.File{nil, w, w, program}, Env: byParent, Sys: asUser(otherUser),
		}, "execute a set-user-ID program", strconv.Itoa(children))
		w.Close()
		text, _ := io.ReadAll(r)
		childtest.Wait(t, h)
		same := fmt.Sprintf("%d %d\n", otherUser, otherUser)
		if why := whyNoPrivilege(program); children == 0 && string(text) == same && why != "" {
			t.Skip("a file gives no privileges here: " + why)
		}
		if want := fmt.Sprintf("%d %d\n", otherUser, os.Getuid()); string(text) != want {
			t.Fatalf("beside %d pairs of private children: users %q, want %q", children, text, want)
		}
	}
}

func executeSetUserID(pairs int) {
	for range pairs {
		startPrivatePair()
	}
	_, argv, env := selftest.Command("effective user")
	must(syscall.Exec("/proc/self/fd/3", argv, env))
}
