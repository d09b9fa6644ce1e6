package ward_test

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() { selftest.Register("report", reportSelf) }

var ways = []way{
	{name: "os.StartProcess", start: startOS},
	{name: "backend=kqueue", start: forced("backend=kqueue")},
	{name: "backend=procdesc", start: forced("backend=procdesc"), closes: true},
	{name: "inherit", start: inheriting(forced("backend=procdesc")), inherits: true},
}

// What TestSpawnProgramDoesWhatTheStandardLibraryDoes has of the system: how many
// children, how many descriptors they open themselves, and what they are. The Go
// runtime in a child opens /dev/null for 0 to 2.
const (
	someSpecs, manySpecs = 150, 2000
	ownDescriptors       = 3
)

// reportVariable is the number of the descriptor that a child reports to.
const reportVariable = "WARD_TEST_REPORT"

func reporterImage(t *testing.T) []byte {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// reporter is a child that says by itself what it finds.
func (s *stage) reporter() spec {
	_, argv, env := selftest.Command("report")
	c := spec{name: s.program, argv: argv}
	c.attr.Env = env
	return c
}

// report starts c, with one more file, and returns what it says of itself.
func (c spec) report(w way) (map[string]string, error) {
	r, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	number := len(c.attr.Files)
	c.attr.Files = append(slices.Clone(c.attr.Files), out)
	c.attr.Env = append(slices.Clone(c.attr.Env), reportVariable+"="+strconv.Itoa(number))
	_, end, err := w.start(c)
	out.Close()
	if err != nil {
		return nil, err
	}
	defer end()
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	report := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		report[key] = value
	}
	if len(report) == 0 {
		return nil, fmt.Errorf("%s said nothing of itself", c)
	}
	delete(report, fmt.Sprintf("fd %d", number)) // another pipe each time
	return report, nil
}

// suitRoot gives the child what the Go runtime in it would not find in its root
// directory: /dev/null for 0 to 2.
func (s *stage) suitRoot(c *spec) {
	for i := range 3 {
		switch {
		case i >= len(c.attr.Files):
			c.attr.Files = append(c.attr.Files, s.files[0])
		case c.attr.Files[i] == nil:
			c.attr.Files[i] = s.files[0]
		}
	}
}

// beDumpable has nothing to do.
func beDumpable() {}

// setOfSystem has nothing to set that only FreeBSD's spawn programs cover.
func setOfSystem(*syscall.SysProcAttr) {}

// openTerminal opens none: what a child is given instead is refused with ENOTTY.
func openTerminal() []*os.File { return nil }

// blockUSR2 blocks a signal on this thread, until restore.
func blockUSR2(*testing.T) (restore func()) {
	before := signalMask(nil)
	blocked := before
	blocked[0] |= 1 << (syscall.SIGUSR2 - 1)
	signalMask(&blocked)
	return func() { signalMask(&before) }
}

// reportSelf writes what it finds of itself to the descriptor of reportVariable.
func reportSelf([]string) {
	out := selftest.Number(os.Getenv(reportVariable))
	report := make(map[string]string)
	for fd := range 1600 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			report[fmt.Sprintf("fd %d", fd)] = fmt.Sprintf("mode %#o, device %d, inode %d",
				st.Mode, st.Dev, st.Ino)
		}
	}
	report["argv"] = fmt.Sprintf("%q", os.Args)
	report["environment"] = fmt.Sprintf("%q", os.Environ())
	report["directory"], _ = unix.Getwd()
	own := func(id int) string {
		if id == os.Getpid() {
			return "own"
		}
		return strconv.Itoa(id)
	}
	sid, _ := unix.Getsid(0)
	report["group"], report["session"] = own(unix.Getpgrp()), own(sid)
	report["PPid"] = strconv.Itoa(os.Getppid())
	report["uid"] = fmt.Sprint(unix.Getuid(), unix.Geteuid())
	report["gid"] = fmt.Sprint(unix.Getgid(), unix.Getegid())
	groups, err := unix.Getgroups()
	report["groups"] = fmt.Sprint(groups, err)
	report["signal mask"] = fmt.Sprint(signalMask(nil))
	for resource := range 13 { // <sys/resource.h>
		var limit unix.Rlimit
		err := unix.Getrlimit(resource, &limit)
		report[fmt.Sprintf("limit %d", resource)] = fmt.Sprint(limit, err)
	}
	umask := unix.Umask(0)
	report["umask"] = fmt.Sprintf("%#o", umask)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(report)) {
		fmt.Fprintf(&text, "%s=%s\n", key, report[key])
	}
	if _, err := unix.Write(out, []byte(text.String())); err != nil {
		os.Exit(121)
	}
}

// signalMask sets the thread's signal mask, unless that is nil, and returns what
// it was: sigprocmask(2).
func signalMask(mask *[4]uint32) (before [4]uint32) {
	const setMask = 3 // SIG_SETMASK
	_, _, errno := syscall.RawSyscall(unix.SYS_SIGPROCMASK, setMask,
		uintptr(unsafe.Pointer(mask)), uintptr(unsafe.Pointer(&before)))
	if errno != 0 {
		childtest.Complain("sigprocmask: %v", errno)
	}
	return before
}
