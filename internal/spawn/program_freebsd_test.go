//go:build amd64 || arm64

package spawn

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/wardproc/ward/internal/inheritable"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

// table is a model of a descriptor table: what each number refers to.
type table map[int]entry

type entry struct {
	file        int // the parent's number
	closeOnExec bool
}

// model works through the steps that concern descriptors as the kernel would,
// and returns what the child has after its exec. pipe must be open until then.
func (p *program) model(t *testing.T, child table, pipe int) table {
	t.Helper()
	for i, s := range p.steps {
		from, to := int(s.args[0]), int(s.args[1])
		switch s.number {
		case unix.SYS_CLOSE_RANGE:
			for fd := range child {
				if from <= fd && fd <= to {
					delete(child, fd)
				}
			}
		case unix.SYS_DUP2:
			e, open := child[from]
			if !open || from == to {
				t.Fatalf("step %d: dup2(%d, %d) with %v", i, from, to, child)
			}
			child[to] = entry{e.file, false}
		case unix.SYS_FCNTL:
			e, open := child[from]
			if !open {
				t.Fatalf("step %d: fcntl(%d)", i, from)
			}
			switch to {
			case unix.F_SETFD:
				child[from] = entry{e.file, false}
			case unix.F_DUP2FD_CLOEXEC:
				child[int(s.args[2])] = entry{e.file, true}
			}
		case unix.SYS_CLOSE:
			delete(child, from)
		}
		if child[pipe].file != pipe {
			t.Fatalf("after step %d (%s) the pipe is gone", i, p.calls[i])
		}
	}
	for fd, e := range child {
		if e.closeOnExec {
			delete(child, fd)
		}
	}
	return child
}

// FuzzFiles checks that each child would have just the files it is given, and what it
// inherits. The bytes are the numbers of the files; 255 is none.
func FuzzFiles(f *testing.F) {
	for _, inherits := range []bool{false, true} {
		f.Add([]byte{}, byte(0), inherits)
		f.Add([]byte{0, 1, 2}, byte(3), inherits)
		f.Add([]byte{2, 1, 0}, byte(3), inherits)
		f.Add([]byte{1, 2, 0, 255, 255, 1, 1}, byte(9), inherits)
		f.Add([]byte{200, 0, 201, 0, 255, 3}, byte(7), inherits)
		f.Add([]byte{5, 4, 3, 2, 1, 0, 0}, byte(100), inherits)
	}
	f.Fuzz(func(t *testing.T, numbers []byte, above byte, inherits bool) {
		pipe := max(len(numbers), standardFiles) + int(above)
		flagged := func(fd int) bool { return fd%3 != 0 }
		isInheritable = func(fd int) bool { return fd < 255 && fd != pipe && !flagged(fd) }
		defer func() { isInheritable = inheritable.Is }()
		attr := new(syscall.ProcAttr)
		want := table{}
		for i, number := range numbers {
			if number == 255 || int(number) == pipe {
				attr.Files = append(attr.Files, closed)
				continue
			}
			attr.Files = append(attr.Files, uintptr(number))
			want[i] = entry{file: int(number)}
		}
		for fd := max(len(numbers), standardFiles); inherits && fd < 255; fd++ {
			if isInheritable(fd) {
				want[fd] = entry{file: fd}
			}
		}
		p := new(program)
		for range 2 { // reuse changes nothing
			child := table{}
			for fd := range 255 {
				child[fd] = entry{fd, flagged(fd)}
			}
			child[pipe] = entry{pipe, true}
			p.inherits = inherits
			if err := p.build("program", nil, attr, pipe); err != nil {
				t.Fatal(err)
			}
			if got := p.model(t, child, pipe); !reflect.DeepEqual(got, want) {
				t.Fatalf("files %v, pipe %d become %v", numbers, pipe, got)
			}
			p.reset()
		}
	})
}

func TestCoversNamesEveryFieldOnce(t *testing.T) {
	covered := []string{"Chroot", "Credential", "Setsid", "Setpgid", "Pgid", "Setctty", "Noctty", "Ctty"}
	fields := reflect.TypeFor[syscall.SysProcAttr]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		sys := reflect.New(fields)
		switch field := sys.Elem().Field(i); field.Kind() {
		case reflect.Bool:
			field.SetBool(true)
		case reflect.String:
			field.SetString("x")
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		case reflect.Int:
			field.SetInt(1)
		default:
			t.Fatalf("SysProcAttr.%s is a %v", name, field.Kind())
		}
		attr := &syscall.ProcAttr{Files: []uintptr{0, 1}, Sys: sys.Interface().(*syscall.SysProcAttr)}
		if got, want := Covers(attr), slices.Contains(covered, name); got != want {
			t.Errorf("Covers with %s: %v", name, got)
		}
	}
}

func TestSpawnProgramsWork(t *testing.T) {
	if err := Works(); err != nil {
		t.Fatal(err)
	}
}

func TestErrorNamesTheCallThatFailed(t *testing.T) {
	for call, attr := range map[string]*syscall.ProcAttr{
		"chdir":            {Dir: "/nowhere"},
		"chroot":           {Sys: &syscall.SysProcAttr{Chroot: "/nowhere"}},
		"setpgid":          {Sys: &syscall.SysProcAttr{Setsid: true, Setpgid: true}},
		"dup2":             {Files: []uintptr{1000}},
		"ioctl(TIOCNOTTY)": {Files: []uintptr{}, Sys: &syscall.SysProcAttr{Noctty: true}},
		"execve":           {},
	} {
		pid, fd, err := Child("/nowhere", nil, attr, false, Daemon)
		if want := call + ": "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("pid %d, descriptor %d: error %q does not begin with %q", pid, fd, fmt.Sprint(err), want)
		}
	}
}

func TestStartedChildEndsAsAsked(t *testing.T) {
	path, argv, env := selftest.Command("exit", "23")
	for range 20 {
		pid, fd, err := Child(path, argv, &syscall.ProcAttr{Env: env}, false, Daemon)
		if err != nil {
			t.Fatal(err)
		}
		var status unix.WaitStatus
		got, err := unix.Wait4(pid, &status, 0, nil)
		for err == unix.EINTR {
			got, err = unix.Wait4(pid, &status, 0, nil)
		}
		if err != nil || got != pid || status.ExitStatus() != 23 {
			t.Errorf("wait4(%d) = %d, %v, status %#x; want exit status 23", pid, got, err, status)
		}
		if err := unix.Close(fd); err != nil {
			t.Errorf("close of the process descriptor: %v", err)
		}
	}
}

// TestPendingSignalEndsTheChildBeforeItsExec has a signal pending when the child
// gets its mask back. Were the Go runtime's handler still there, it would run in
// a process that the runtime knows nothing of.
func TestPendingSignalEndsTheChildBeforeItsExec(t *testing.T) {
	read, write, err := reportPipe(0)
	if err != nil {
		t.Fatal(err)
	}
	const ownGroup = 0
	p := new(program)
	p.add("setsid", wantSuccess, unix.SYS_SETSID)
	p.add("kill", wantSuccess, unix.SYS_KILL, ownGroup, uintptr(syscall.SIGTERM))
	p.resetHandlers()
	if handlers := len(p.steps) - 2; handlers < 10 {
		t.Errorf("%d signals have a handler: that is too few for a Go program", handlers)
	}
	p.add("sigprocmask", wantSuccess, unix.SYS_SIGPROCMASK, sigSetMask, uintptr(unsafe.Pointer(&p.shared.mask)))
	p.add("exit", wantSuccess, unix.SYS_EXIT, 7)
	pid, fd, err := p.run(read, write, Daemon)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var status unix.WaitStatus
	for {
		if _, err = unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			break
		}
	}
	if err != nil || status.Signal() != syscall.SIGTERM {
		t.Errorf("wait4(%d): %v, status %#x; want SIGTERM", pid, err, status)
	}
}
