//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"os"
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

// run works through the steps that concern descriptors as the kernel would,
// and returns what the child has after its exec.
func (p *program) model(t *testing.T, parent table) table {
	child := table{}
	const parentItself = -1
	lowest := func() int {
		for fd := 0; ; fd++ {
			if _, used := child[fd]; !used {
				return fd
			}
		}
	}
	for i, s := range p.steps {
		a := s.args
		result := 0
		switch s.number {
		case unix.SYS_CLOSE_RANGE:
			if a[2] == unix.CLOSE_RANGE_UNSHARE {
				if i != 0 {
					t.Fatal("close_range is not the first step")
				}
				for fd, e := range parent {
					if fd < int(a[0]) {
						child[fd] = e
					}
				}
			}
			for fd := range child {
				if uintptr(fd) >= a[0] && uintptr(fd) <= a[1] {
					delete(child, fd)
				}
			}
		case unix.SYS_PIDFD_OPEN:
			result = lowest()
			child[result] = entry{parentItself, true}
		case unix.SYS_PIDFD_GETFD:
			e, open := parent[int(a[1])]
			if child[int(a[0])].file != parentItself || !open {
				t.Fatalf("step %d: pidfd_getfd(%d, %d)", i, a[0], a[1])
			}
			result = lowest()
			child[result] = entry{e.file, true}
		case unix.SYS_DUP3:
			e, open := child[int(a[0])]
			if !open || a[0] == a[1] {
				t.Fatalf("step %d: dup3(%d, %d) with %v", i, a[0], a[1], child)
			}
			result = int(a[1])
			child[result] = entry{e.file, a[2] == unix.O_CLOEXEC}
		case unix.SYS_FCNTL:
			e, open := child[int(a[0])]
			if !open {
				t.Fatalf("step %d: fcntl(%d)", i, a[0])
			}
			child[int(a[0])] = entry{e.file, a[2] == unix.FD_CLOEXEC}
		case unix.SYS_CLOSE:
			delete(child, int(a[0]))
		case unix.SYS_GETPPID:
			result = os.Getpid()
		}
		if s.want != wantSuccess && s.want != wantAnything && s.want != uintptr(result) {
			t.Fatalf("step %d (%s) wants %d, gets %d", i, p.calls[i], s.want, result)
		}
	}
	for fd, e := range child {
		if e.closeOnExec {
			delete(child, fd)
		}
	}
	return child
}

// spread makes numbers beyond inheritedFiles of bytes.
const spread = 5

// FuzzFiles checks that each child would have just the files it is given, and what it
// inherits. The bytes are the numbers of the files, divided by spread; 255 is none.
func FuzzFiles(f *testing.F) {
	for _, inherits := range []bool{false, true} {
		f.Add([]byte{}, false, inherits)
		f.Add([]byte{0, 1, 2}, false, inherits)
		f.Add([]byte{2, 1, 0}, false, inherits)
		f.Add([]byte{1, 2, 0, 255, 255, 1, 1}, true, inherits)
		f.Add([]byte{250, 0, 251, 0, 255, 3}, false, inherits)
		f.Add([]byte{250, 0, 251, 0, 255, 3}, true, inherits)
		f.Add([]byte{251}, false, inherits)
		f.Add([]byte{250, 1}, false, inherits)
		f.Add([]byte{5, 4, 3, 2, 1, 0, 0}, true, inherits)
	}
	f.Fuzz(func(t *testing.T, numbers []byte, copyFiles, inherits bool) {
		parent := table{}
		for fd := range 255 * spread {
			parent[fd] = entry{fd, fd%3 != 0}
		}
		isInheritable = func(fd int) bool { return fd < len(parent) && !parent[fd].closeOnExec }
		defer func() { isInheritable = inheritable.Is }()
		attr := new(syscall.ProcAttr)
		want := table{}
		for i, number := range numbers {
			if number == 255 {
				attr.Files = append(attr.Files, closed)
				continue
			}
			attr.Files = append(attr.Files, uintptr(number)*spread)
			want[i] = entry{file: int(number) * spread}
		}
		if inherits {
			end := inheritedFiles
			if copyFiles {
				end = max(end, tableEnd(attr.Files))
			}
			for fd := max(len(numbers), standardFiles); fd < end; fd++ {
				if e := parent[fd]; !e.closeOnExec {
					want[fd] = e
				}
			}
		}
		p := newProgram()
		for range 2 { // reuse changes nothing
			p.inherits = inherits
			if err := p.build(visible{}, "program", nil, attr, copyFiles); err != nil {
				t.Fatal(err)
			}
			if got := p.model(t, parent); !reflect.DeepEqual(got, want) {
				t.Fatalf("files %v become %v", numbers, got)
			}
			p.reset()
		}
	})
}

// FuzzStrings checks that the vectors hold what was asked for.
func FuzzStrings(f *testing.F) {
	f.Add("name", "a\nb", "A=1\nB=", "/dir", "/root")
	f.Add("", "", "", "", "")
	f.Add("n", "\n\n", "x\x00", "", "")
	f.Fuzz(func(t *testing.T, name, args, vars, dir, root string) {
		argv, env := strings.Split(args, "\n"), strings.Split(vars, "\n")
		if args == "" {
			argv = nil
		}
		attr := &syscall.ProcAttr{Dir: dir, Env: env, Sys: &syscall.SysProcAttr{Chroot: root}}
		p := newProgram()
		err := p.build(visible{}, name, argv, attr, false)
		if strings.Contains(name+args+vars+dir+root, "\x00") {
			if err != syscall.EINVAL {
				t.Fatalf("a NUL: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		exec := p.steps[len(p.steps)-1]
		got := []string{text(exec.args[0])}
		got = append(append(got, vector(exec.args[1])...), vector(exec.args[2])...)
		want := append(append([]string{name}, argv...), env...)
		if !slices.Equal(got, want) {
			t.Errorf("execve gets %q, want %q", got, want)
		}
		for i, call := range p.calls {
			switch {
			case call == "chdir" && text(p.steps[i].args[0]) != dir:
				t.Errorf("chdir(%q), want %q", text(p.steps[i].args[0]), dir)
			case call == "chroot" && text(p.steps[i].args[0]) != root:
				t.Errorf("chroot(%q), want %q", text(p.steps[i].args[0]), root)
			}
		}
		if slices.Contains(p.calls, "chdir") != (dir != "") || slices.Contains(p.calls, "chroot") != (root != "") {
			t.Errorf("calls %v for dir %q and root %q", p.calls, dir, root)
		}
	})
}

// text reads a C string.
func text(address uintptr) string {
	return unix.BytePtrToString(*(**byte)(unsafe.Pointer(&address)))
}

// vector reads an array of C strings that ends with a nil.
func vector(address uintptr) (list []string) {
	for first := *(**[1 << 20]uintptr)(unsafe.Pointer(&address)); first[len(list)] != 0; {
		list = append(list, text(first[len(list)]))
	}
	return list
}

func TestCoversNamesEveryFieldOnce(t *testing.T) {
	covered := []string{
		"Chroot", "Credential", "Setsid", "Setpgid", "Pgid", "Setctty", "Noctty", "Ctty",
		"Pdeathsig", "UseCgroupFD", "CgroupFD", "PidFD",
	}
	fields := reflect.TypeFor[syscall.SysProcAttr]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		sys := reflect.New(fields)
		switch field := sys.Elem().Field(i); field.Kind() {
		case reflect.Bool:
			field.SetBool(true)
		case reflect.String:
			field.SetString("x")
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		case reflect.Uintptr:
			field.SetUint(1)
		case reflect.Int:
			field.SetInt(1)
		default:
			t.Fatalf("SysProcAttr.%s is a %v", name, field.Kind())
		}
		attr := &syscall.ProcAttr{Files: []uintptr{0}, Sys: sys.Interface().(*syscall.SysProcAttr)}
		want := slices.Contains(covered, name)
		if name == "Setctty" || name == "Ctty" {
			attr.Files = []uintptr{0, 1}
		}
		if got := Covers(attr); got != want {
			t.Errorf("Covers with %s: %v", name, got)
		}
	}
}

func TestErrorNamesTheCallThatFailed(t *testing.T) {
	if selftest.KernelBefore(5, 9) {
		t.Skip("no close_range with CLOSE_RANGE_UNSHARE before Linux 5.9")
	}
	if err := Works(); err != nil {
		t.Fatal(err)
	}
	for call, attr := range map[string]*syscall.ProcAttr{
		"chdir":  {Dir: "/nowhere"},
		"chroot": {Sys: &syscall.SysProcAttr{Chroot: "/nowhere"}},
		"execve": {},
	} {
		_, _, err := Child("/nowhere", nil, attr, How{})
		if want := call + ": "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %q does not begin with %q", fmt.Sprint(err), want)
		}
	}
}
