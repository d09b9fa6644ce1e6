package selftest

import (
	"fmt"
	"iter"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Without fork there is no zombie to look at.

func zombies() error { return nil }

var (
	ntdll         = windows.NewLazySystemDLL("ntdll.dll")
	ntQueryObject = ntdll.NewProc("NtQueryObject")
)

// descriptors returns the open handles, each with its type. It leaves out the
// types of which the Go runtime and the system's libraries open some whenever
// they like, such as threads and events.
func descriptors() []string {
	var open []string
	for h, name := range handles() {
		if slices.Contains([]string{"File", "IoCompletion", "Job", "Process"}, name) {
			open = append(open, fmt.Sprintf("%#x %s", h, name))
		}
	}
	return open
}

// HandleCount returns the number of open handles of a type, or of all with "".
func HandleCount(typ string) (n int) {
	for _, name := range handles() {
		if typ == "" || typ == name {
			n++
		}
	}
	return n
}

// handles yields the open handles with the names of their types. It tries all
// numbers: Wine's GetProcessHandleCount always says 0.
func handles() iter.Seq2[windows.Handle, string] {
	const (
		step = 4 // from one handle to the next
		gap  = 4096 * step
	)
	return func(yield func(windows.Handle, string) bool) {
		end := windows.Handle(gap)
		for h := windows.Handle(step); h < end; h += step {
			name, ok := typeName(h)
			if !ok {
				continue
			}
			end = h + gap
			if !yield(h, name) {
				return
			}
		}
	}
}

// typeName wraps NtQueryObject with ObjectTypeInformation. It reports false for
// a number that is no handle.
func typeName(h windows.Handle) (string, bool) {
	const objectTypeInformation = 2
	var info struct {
		name windows.NTUnicodeString // and other fields
		rest [1024]byte              // with the text of name
	}
	status, _, _ := ntQueryObject.Call(uintptr(h), objectTypeInformation,
		uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info), 0)
	if status != 0 {
		return "", false
	}
	return info.name.String(), true
}

// explain adds nothing.
func explain(descriptors []string) []string { return descriptors }
