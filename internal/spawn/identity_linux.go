//go:build linux && (amd64 || arm64)

package spawn

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// identity is what a child has from its parent and a program may change, as far
// as it is cheap to ask for.
type identity struct {
	status     string // those lines of /proc/thread-self/status
	secureBits int
	group      int
	session    int
	limits     [unix.RLIMIT_RTTIME + 1]unix.Rlimit
}

// statusLines are in the order of proc(5). Seccomp_filters is the number of
// filters (Linux 5.9).
var statusLines = []string{
	"Uid", "Gid", "Groups",
	"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
	"NoNewPrivs", "Seccomp", "Seccomp_filters",
}

// ownIdentity is that of the calling thread.
func ownIdentity() (i identity, err error) {
	if i.status, err = ownStatus(); err != nil {
		return i, err
	}
	// A filter may refuse this: then it is the same before and after.
	i.secureBits, _ = unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0)
	i.group = unix.Getpgrp()
	if i.session, err = unix.Getsid(0); err != nil {
		return i, os.NewSyscallError("getsid", err)
	}
	for resource := range i.limits {
		if err = unix.Getrlimit(resource, &i.limits[resource]); err != nil {
			return i, os.NewSyscallError("getrlimit", err)
		}
	}
	return i, nil
}

func ownStatus() (string, error) {
	const name = "/proc/thread-self/status"
	text, err := os.ReadFile(name)
	if path, ok := err.(*fs.PathError); ok { // which an error of a start has for its program
		err = os.NewSyscallError(path.Op+" "+name, path.Err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	if err != nil {
		return "", err
	}
	var status []byte
	for line := range bytes.Lines(text) {
		if name, _, _ := bytes.Cut(line, []byte(":")); slices.Contains(statusLines, string(name)) {
			status = append(status, line...)
		}
	}
	return string(status), nil
}

// sameNamespaces reports whether a child of the calling thread would be in the same
// namespaces as one of the process. What the kernel does not have, or does not show,
// is the same.
func sameNamespaces(pid int) bool {
	for _, name := range []string{
		"cgroup", "ipc", "mnt", "net", "pid_for_children", "time_for_children", "user", "uts",
	} {
		own, _ := os.Readlink("/proc/thread-self/ns/" + name)
		other, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		if own != other {
			return false
		}
	}
	return true
}
