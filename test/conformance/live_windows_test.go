package conformance_test

import (
	"unsafe"

	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/windows"
)

const fewLive, manyLive = 200, 1000

// holder is a child that ends with its standard input.
func holder() (path string, argv, env []string) {
	path, argv, env = selftest.Command("stdin", "0")
	// Wine's server spends descriptors on each thread: let there be few.
	return path, argv, append(env, "GOMAXPROCS=1", "GOGC=off")
}

// threads counts this program's by a Toolhelp snapshot.
func threads() (n int) {
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		childtest.Complain("CreateToolhelp32Snapshot: %v", err)
	}
	defer windows.CloseHandle(snapshot)
	var entry windows.ThreadEntry32
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Thread32First(snapshot, &entry); err == nil; err = windows.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID == windows.GetCurrentProcessId() {
			n++
		}
	}
	return n
}
