//go:build linux && (amd64 || arm64)

package spawn

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// identity is what a child has from its parent and a program may change, as far
// as it is cheap to ask for.
type identity struct {
	groups []int
	rest   struct {
		ids          [6]int // real, effective and saved user and group
		capabilities [2]unix.CapUserData
		noNewPrivs   int
		seccomp      int // the mode; the number of filters is not to be had
		group        int
		session      int
		limits       [unix.RLIMIT_RTTIME + 1]unix.Rlimit
	}
}

func (i *identity) equal(other *identity) bool {
	return i.rest == other.rest && slices.Equal(i.groups, other.groups)
}

// ownIdentity is that of the calling thread.
func ownIdentity() (*identity, error) {
	i := new(identity)
	r := &i.rest
	var err error
	if i.groups, err = unix.Getgroups(); err != nil {
		return nil, os.NewSyscallError("getgroups", err)
	}
	r.ids[0], r.ids[1], r.ids[2] = unix.Getresuid()
	r.ids[3], r.ids[4], r.ids[5] = unix.Getresgid()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err = unix.Capget(&header, &r.capabilities[0]); err != nil {
		return nil, os.NewSyscallError("capget", err)
	}
	// A filter may refuse these: then they are the same before and after.
	r.noNewPrivs, _ = unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	r.seccomp, _ = unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	r.group = unix.Getpgrp()
	if r.session, err = unix.Getsid(0); err != nil {
		return nil, os.NewSyscallError("getsid", err)
	}
	for resource := range r.limits {
		if err = unix.Getrlimit(resource, &r.limits[resource]); err != nil {
			return nil, os.NewSyscallError("getrlimit", err)
		}
	}
	return i, nil
}
