package ward_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() { selftest.Register("report", reportSelf) }

// reportSelf writes what it finds of itself to the descriptor args[0].
func reportSelf(args []string) {
	out := number(args[0])
	report := make(map[string]string)
	for fd := range 1200 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			report[fmt.Sprintf("fd %d", fd)] = fmt.Sprintf("mode %#o, device %d, inode %d", st.Mode, st.Dev, st.Ino)
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
	report["parent"] = strconv.Itoa(os.Getppid())
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

func number(arg string) int {
	n, err := strconv.Atoi(arg)
	if err != nil {
		childtest.Complain("%v", err)
	}
	return n
}

// signalMask sets the thread's signal mask, unless that is nil, and returns what
// it was: sigprocmask(2).
func signalMask(mask *[4]uint32) (before [4]uint32) {
	const setMask = 3 // SIG_SETMASK
	_, _, errno := syscall.RawSyscall(unix.SYS_SIGPROCMASK, setMask, uintptr(unsafe.Pointer(mask)), uintptr(unsafe.Pointer(&before)))
	if errno != 0 {
		childtest.Complain("sigprocmask: %v", errno)
	}
	return before
}

// spec is a child. It writes to the descriptor out.
type spec struct {
	name string
	argv []string
	attr ward.Attr
	out  int
}

func (c spec) String() string {
	var files []int
	for _, f := range c.attr.Files {
		files = append(files, int(f.Fd()))
	}
	return fmt.Sprintf("%s %q in %q, files %d, %+v", c.name, c.argv, c.attr.Dir, files, c.attr.Sys)
}

// ways are those to start a child that must have the same result.
var ways = []struct {
	name  string
	start func(c spec) (end func(), err error)
}{
	{"os.StartProcess", startOS},
	{"backend=kqueue", func(c spec) (func(), error) { return startWard(c, "backend=kqueue") }},
	{"backend=procdesc", func(c spec) (func(), error) { return startWard(c, "backend=procdesc") }},
}

func startOS(c spec) (end func(), err error) {
	p, err := os.StartProcess(c.name, c.argv, &os.ProcAttr{Dir: c.attr.Dir, Env: c.attr.Env, Files: c.attr.Files, Sys: c.attr.Sys})
	if err != nil {
		return nil, err
	}
	return func() { p.Wait() }, nil
}

func startWard(c spec, settings string) (end func(), err error) {
	defer ward.Force(settings)()
	h, err := ward.Start(c.name, c.argv, &c.attr)
	if err != nil {
		return nil, err
	}
	return func() { <-h.Done() }, nil
}

// report starts c and returns what it says of itself.
func (c spec) report(start func(c spec) (func(), error)) (map[string]string, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c.attr.Files = slices.Clone(c.attr.Files)
	c.attr.Files[c.out] = w
	end, err := start(c)
	w.Close()
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
	delete(report, fmt.Sprintf("fd %d", c.out)) // another pipe each time
	return report, nil
}

// stage is a folder, with a program for every user and root directory, and files
// to choose from.
type stage struct {
	dir, program string
	files        []*os.File
}

func newStage(t *testing.T) *stage {
	s := &stage{dir: t.TempDir()}
	for up := s.dir; up != "/" && up != os.TempDir(); up = filepath.Dir(up) {
		os.Chmod(up, 0o755) // for other users
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	s.program = filepath.Join(s.dir, "program")
	if err := os.WriteFile(s.program, image, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	keep := func(f *os.File, err error) {
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		s.files = append(s.files, f)
	}
	keep(os.Open(s.program))
	keep(os.Open(s.dir))
	keep(os.Open(filepath.Join(s.dir, "sub")))
	for _, number := range []int{40, 70, 900} {
		fd, err := unix.FcntlInt(s.files[rand.IntN(3)].Fd(), unix.F_DUPFD_CLOEXEC, number)
		if err != nil {
			t.Fatalf("fcntl(F_DUPFD_CLOEXEC, %d): %v", number, err)
		}
		keep(os.NewFile(uintptr(fd), "high"), nil)
	}
	return s
}

func oneIn(n int) bool { return rand.IntN(n) == 0 }

// spec makes a random child. Some cannot be started.
func (s *stage) spec() spec {
	_, argv, env := selftest.Command("report")
	c := spec{name: s.program, argv: argv, out: rand.IntN(6)}
	c.argv = append(c.argv, strconv.Itoa(c.out))
	c.attr.Env = env
	for range rand.IntN(4) {
		c.argv = append(c.argv, strings.Repeat("x", rand.IntN(300)))
		c.attr.Env = append(c.attr.Env, fmt.Sprintf("V%d=%d", rand.IntN(10), rand.Int()))
	}
	if oneIn(4) {
		c.argv[0] = strings.Repeat("long", 100) // for package syscall's own rule
	}
	c.attr.Files = make([]*os.File, c.out+1+rand.IntN(4))
	for i := range c.attr.Files {
		if !oneIn(4) {
			c.attr.Files[i] = s.files[rand.IntN(len(s.files))]
		}
	}
	if oneIn(3) {
		c.attr.Dir = filepath.Join(s.dir, "sub")
	}
	if oneIn(3) {
		return c // with Sys == nil
	}
	sys := new(syscall.SysProcAttr)
	c.attr.Sys = sys
	switch rand.IntN(7) {
	case 0:
		sys.Setsid = true
	case 1:
		sys.Setpgid = true
	case 2:
		sys.Setpgid, sys.Pgid = true, syscall.Getpgrp()
	case 3:
		sys.Setsid, sys.Setpgid = true, true // EPERM
	case 4:
		sys.Noctty = true // ENOTTY, mostly
	case 5:
		sys.Setsid, sys.Setctty, sys.Ctty = true, true, c.out // ENOTTY
	}
	if os.Getuid() == 0 && oneIn(3) {
		sys.Credential = &syscall.Credential{Uid: uint32(rand.IntN(3)), Gid: uint32(rand.IntN(3)), NoSetGroups: oneIn(3)}
		for range rand.IntN(4) {
			sys.Credential.Groups = append(sys.Credential.Groups, uint32(rand.IntN(1000)))
		}
	}
	if os.Getuid() == 0 && oneIn(5) {
		sys.Chroot, c.name = s.dir, "/program"
		if c.attr.Dir != "" {
			c.attr.Dir = "/sub"
		}
		// The Go runtime in the child finds no /dev/null for 0 to 2.
		for i := range max(3, len(c.attr.Files)) {
			if i == len(c.attr.Files) {
				c.attr.Files = append(c.attr.Files, s.files[0])
			} else if i < 3 && c.attr.Files[i] == nil {
				c.attr.Files[i] = s.files[0]
			}
		}
	}
	switch rand.IntN(20) {
	case 0:
		c.attr.Dir = "/nowhere"
	case 1:
		sys.Chroot = "/nowhere"
	case 2:
		c.name = "/nowhere"
	}
	return c
}

// TestSpawnProgramDoesWhatTheStandardLibraryDoes starts random children in
// every way and compares what each says of itself.
func TestSpawnProgramDoesWhatTheStandardLibraryDoes(t *testing.T) {
	needProcdesc(t)
	runtime.LockOSThread() // a child takes the signal mask of the thread
	defer runtime.UnlockOSThread()
	mask := signalMask(nil)
	blocked := mask
	blocked[0] |= 1 << (syscall.SIGUSR2 - 1)
	signalMask(&blocked)
	defer signalMask(&mask)

	s := newStage(t)
	n := 150
	if *selftest.Long {
		n = 2000
	}
	started := 0
	for range n {
		if s.compare(t, s.spec()) {
			started++
		}
	}
	t.Logf("%d of %d could be started", started, n)
	if started < n/3 {
		t.Error("that is too few to show anything")
	}
}

// compare reports whether c could be started.
func (s *stage) compare(t *testing.T, c spec) bool {
	t.Helper()
	want, wantErr := c.report(ways[0].start)
	for _, way := range ways[1:] {
		got, err := c.report(way.start)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("%s of %s: %v\n%s: %v", way.name, c, err, ways[0].name, wantErr)
		}
		if lines := differ(want, got, len(c.attr.Files)); len(lines) > 0 {
			t.Fatalf("%s of %s:\n%s", way.name, c, strings.Join(lines, "\n"))
		}
	}
	return wantErr == nil
}

// differ says what distinguishes two reports, but for descriptors that the
// child was not given: those may be in want and not in got.
func differ(want, got map[string]string, files int) (lines []string) {
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if want[key] == got[key] {
			continue
		}
		var fd int
		if n, _ := fmt.Sscanf(key, "fd %d", &fd); n == 1 && fd >= files && got[key] == "" {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %q, want %q", key, got[key], want[key]))
	}
	return lines
}

func TestNoStrayDescriptorReachesTheChild(t *testing.T) {
	needProcdesc(t)
	s := newStage(t)
	for _, number := range []int{50, 800} {
		fd, err := unix.FcntlInt(s.files[0].Fd(), unix.F_DUPFD, number) // without close-on-exec
		if err != nil {
			t.Fatalf("fcntl(F_DUPFD, %d): %v", number, err)
		}
		defer unix.Close(fd)
	}
	high := s.files[len(s.files)-1]
	for _, files := range [][]*os.File{{nil}, {nil, s.files[0]}, {nil, nil, high, high}} {
		_, argv, env := selftest.Command("report", "0")
		c := spec{name: s.program, argv: argv, attr: ward.Attr{Env: env, Files: files}}
		report, err := c.report(ways[len(ways)-1].start)
		if err != nil {
			t.Fatal(err)
		}
		if len(report) < 10 {
			t.Fatalf("the child says %v", report)
		}
		for key, target := range report {
			var fd int
			n, _ := fmt.Sscanf(key, "fd %d", &fd)
			// The Go runtime in the child opens /dev/null for 0 to 2.
			if n == 1 && fd > 2 && (fd >= len(files) || files[fd] == nil) {
				t.Errorf("with files %v: stray descriptor %d, %s", files, fd, target)
			}
		}
	}
}
