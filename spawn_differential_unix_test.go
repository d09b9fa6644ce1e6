//go:build linux || freebsd

package ward_test

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

// A spec is a child.
type spec struct {
	name string
	argv []string
	attr ward.Attr
}

func (c spec) String() string {
	var files []int
	for _, f := range c.attr.Files {
		if f == ward.Closed {
			f = nil
		}
		files = append(files, int(f.Fd()))
	}
	return fmt.Sprintf("%s %q in %q, files %d, %+v", c.name, c.argv, c.attr.Dir, files, c.attr.Sys)
}

// A way is one to start a child. The ways of a system must have the same result.
type way struct {
	name  string
	start func(spec) (pid int, end func(), err error)

	private  bool // the child may have another parent
	closes   bool // no descriptor reaches the child that it was not given
	inherits bool // all do that have not the close-on-exec flag
}

// startOS gives the child what the package does of itself.
func startOS(c spec) (pid int, end func(), err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, nil, err
	}
	defer null.Close()
	attr := c.attr
	attr.Files = slices.Clone(attr.Files)
	for i, f := range attr.Files {
		switch {
		case f == ward.Closed:
			attr.Files[i] = nil
		case f == nil && i < 3:
			attr.Files[i] = null
		}
	}
	for len(attr.Files) < 3 {
		attr.Files = append(attr.Files, null)
	}
	p, err := os.StartProcess(c.name, c.argv, &os.ProcAttr{
		Dir: attr.Dir, Env: attr.Env, Files: attr.Files, Sys: attr.Sys,
	})
	if err != nil {
		return 0, nil, err
	}
	return p.Pid, func() { p.Kill(); p.Wait() }, nil
}

func startWard(c spec, settings string) (pid int, end func(), err error) {
	beDumpable()
	defer ward.Force(settings)()
	h, err := ward.Start(c.name, c.argv, &c.attr)
	if err != nil {
		return 0, nil, err
	}
	return h.PID(), func() { h.Kill(); <-h.Done() }, nil
}

// inheriting is a start whose child inherits.
func inheriting(start func(spec) (int, func(), error)) func(spec) (int, func(), error) {
	return func(c spec) (int, func(), error) {
		c.attr.InheritDescriptors = true
		return start(c)
	}
}

// forced is the start by package ward with these settings.
func forced(settings string) func(spec) (int, func(), error) {
	return func(c spec) (int, func(), error) { return startWard(c, settings) }
}

// differ says what distinguishes two reports. Descriptors that the child was not
// given may be in want and not in got, unless the child inherits.
func differ(want, got map[string]string, files int, inherits bool) (lines []string) {
	keys := maps.Clone(want)
	maps.Copy(keys, got)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if want[key] == got[key] {
			continue
		}
		if fd, ok := descriptor(key); ok && fd >= files && got[key] == "" && !inherits {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %q, want %q", key, got[key], want[key]))
	}
	return lines
}

// descriptor is the number in the key of a report.
func descriptor(key string) (fd int, ok bool) {
	n, _ := fmt.Sscanf(key, "fd %d", &fd)
	return fd, n == 1
}

// strays says which descriptors a child has that it was not given.
func strays(report map[string]string, files []*os.File) (lines []string) {
	for key, target := range report {
		fd, ok := descriptor(key)
		given := ok && fd < len(files) && files[fd] != nil && files[fd] != ward.Closed
		standard := ok && fd < 3 && (fd >= len(files) || files[fd] == nil)
		if ok && fd >= ownDescriptors && !given && !standard {
			lines = append(lines, fmt.Sprintf("stray descriptor %d, %s", fd, target))
		}
	}
	return lines
}

// A stage is a folder, with a program for every user and root directory, and
// files to choose from.
type stage struct {
	dir, program string
	files        []*os.File
	high         *os.File // one of them, whose number is high
	terminal     *os.File // or a file that is none, where there is no terminal
}

func newStage(t *testing.T) *stage {
	s := &stage{dir: t.TempDir()}
	for _, dir := range []string{s.dir, filepath.Dir(s.dir)} { // for other users
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.program = filepath.Join(s.dir, "program")
	if err := os.WriteFile(s.program, reporterImage(t), 0o755); err != nil {
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
	keep(os.Open(os.DevNull))
	keep(os.Open(s.program))
	keep(os.Open(s.dir))
	r, w, err := os.Pipe()
	keep(r, err)
	keep(w, err)
	low := len(s.files)
	for _, number := range []int{40, 70, 900, 901, 1500} {
		fd, err := unix.FcntlInt(s.files[rand.IntN(low)].Fd(), unix.F_DUPFD_CLOEXEC, number)
		if err != nil {
			t.Fatalf("fcntl(F_DUPFD_CLOEXEC, %d): %v", number, err)
		}
		s.high = os.NewFile(uintptr(fd), "high")
		keep(s.high, nil)
	}
	s.passOn(t, 50, 63, 64, 80, 800)
	s.terminal = s.files[0]
	for _, f := range openTerminal() {
		keep(f, nil)
		s.terminal = f
	}
	return s
}

// passOn opens descriptors without close-on-exec. No file has a number just below: the
// next one is where package syscall moves files to, and loses what is there.
func (s *stage) passOn(t *testing.T, numbers ...int) {
	for _, number := range numbers {
		fd, err := unix.FcntlInt(s.files[0].Fd(), unix.F_DUPFD, number)
		if err != nil {
			t.Fatalf("fcntl(F_DUPFD, %d): %v", number, err)
		}
		t.Cleanup(func() { unix.Close(fd) })
	}
}

func oneIn(n int) bool { return rand.IntN(n) == 0 }

// spec makes a random child. Some cannot be started.
func (s *stage) spec() spec {
	c := s.reporter()
	for range rand.IntN(4) {
		c.argv = append(c.argv, strings.Repeat("x", rand.IntN(300)))
		c.attr.Env = append(c.attr.Env, fmt.Sprintf("V%d=%d", rand.IntN(10), rand.Int()))
	}
	if oneIn(4) {
		c.argv[0] = strings.Repeat("long", 100) // for a rule of package syscall's own
	}
	for range rand.IntN(8) {
		f := s.files[rand.IntN(len(s.files))]
		switch {
		case oneIn(5):
			f = nil
		case oneIn(8):
			f = ward.Closed
		}
		c.attr.Files = append(c.attr.Files, f)
	}
	if oneIn(3) {
		c.attr.Dir = filepath.Join(s.dir, "sub")
	}
	if oneIn(3) {
		return c // with Sys == nil
	}
	c.attr.Sys = new(syscall.SysProcAttr)
	s.setGroup(&c)
	if os.Getuid() == 0 && childtest.MayChangeIDs() == nil && oneIn(3) {
		c.attr.Sys.Credential = randomCredential()
	}
	if os.Getuid() == 0 && oneIn(5) {
		c.attr.Sys.Chroot, c.name = s.dir, "/program"
		if c.attr.Dir != "" {
			c.attr.Dir = "/sub"
		}
		s.suitRoot(&c)
	}
	setOfSystem(c.attr.Sys)
	switch rand.IntN(20) {
	case 0:
		c.attr.Dir = "/nowhere"
	case 1:
		c.attr.Sys.Chroot = "/nowhere"
	case 2:
		c.name = "/nowhere"
	}
	return c
}

// setGroup picks a session, a process group and a terminal.
func (s *stage) setGroup(c *spec) {
	sys := c.attr.Sys
	switch rand.IntN(8) {
	case 0:
		sys.Setsid = true
	case 1:
		sys.Setpgid = true
	case 2:
		sys.Setpgid, sys.Pgid = true, syscall.Getpgrp()
	case 3:
		sys.Setsid, sys.Setpgid = true, true // EPERM
	case 4:
		sys.Setpgid, sys.Pgid = true, 1<<22-1 // EPERM
	case 5:
		sys.Noctty = true // ENOTTY, mostly
	case 6:
		if n := len(c.attr.Files); n > 0 {
			sys.Setsid, sys.Setctty, sys.Ctty = true, true, rand.IntN(n)
			if !oneIn(5) {
				c.attr.Files[sys.Ctty] = s.terminal
			}
		}
	}
}

func randomCredential() *syscall.Credential {
	id := func() uint32 { return uint32(rand.IntN(3)) }
	c := &syscall.Credential{Uid: id(), Gid: id(), NoSetGroups: oneIn(3)}
	for range rand.IntN(4) {
		c.Groups = append(c.Groups, uint32(rand.IntN(1000)))
	}
	return c
}

// TestSpawnProgramDoesWhatTheStandardLibraryDoes starts random children in
// every way and compares what there is to see of each.
func TestSpawnProgramDoesWhatTheStandardLibraryDoes(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedSpawnPrograms(t)
	runtime.LockOSThread() // a child takes what belongs to the thread
	defer runtime.UnlockOSThread()
	defer blockUSR2(t)()

	s := newStage(t)
	n := someSpecs
	switch {
	case *selftest.Long:
		n = manySpecs
	case testing.Short():
		n = someSpecs / 3
	}
	started := 0
	for range n {
		if s.spec().compare(t) {
			started++
		}
	}
	t.Logf("%d of %d could be started", started, n)
	if started < n/3 {
		t.Error("that is too few to show anything")
	}
}

// compare reports whether c could be started.
func (c spec) compare(t *testing.T) bool {
	t.Helper()
	want, wantErr := c.report(ways[0])
	for _, w := range ways[1:] {
		got, err := c.report(w)
		if fmt.Sprint(c.blame(err)) != fmt.Sprint(c.blame(wantErr)) {
			t.Fatalf("%s of %s: %v\n%s: %v", w.name, c, err, ways[0].name, wantErr)
		}
		if err == nil && w.private {
			got["PPid"] = want["PPid"]
		}
		lines := differ(want, got, len(c.attr.Files), w.inherits)
		if w.closes {
			lines = append(lines, strays(got, c.attr.Files)...)
		}
		if len(lines) > 0 {
			t.Fatalf("%s of %s:\n%s", w.name, c, strings.Join(lines, "\n"))
		}
	}
	return wantErr == nil
}

func TestNoStrayDescriptorReachesTheChild(t *testing.T) {
	selftest.NeedProc(t)
	childtest.NeedSpawnPrograms(t)
	s := newStage(t)
	for _, files := range [][]*os.File{
		nil, {s.files[0]}, {nil, s.high}, {ward.Closed, nil, s.high, s.high}, {nil, ward.Closed, ward.Closed},
	} {
		for _, w := range ways {
			if !w.closes {
				continue
			}
			c := s.reporter()
			c.attr.Files = files
			report, err := c.report(w)
			if err != nil {
				t.Fatal(err)
			}
			if len(report) < 10 {
				t.Fatalf("%s: no more than %v is known of the child", w.name, report)
			}
			for _, line := range strays(report, files) {
				t.Errorf("%s of %s: %s", w.name, c, line)
			}
		}
	}
}

// blame has the program blamed for what a directory is to blame for, as os.StartProcess
// has it more often.
func (c spec) blame(err error) error {
	path, ok := err.(*fs.PathError)
	if !ok || path.Op == "fork/exec" || path.Path != c.attr.Dir && path.Path != c.attr.Sys.Chroot {
		return err
	}
	return &fs.PathError{Op: "fork/exec", Path: c.name, Err: path.Err}
}
