package pidfd

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Descriptor is a pidfd and what tells it from another file that has its number
// by now because other code of the program has closed it.
type Descriptor struct {
	FD  int
	pid int

	// file is the one in pidfs, of which each process that ever was has its own. It
	// is zero before Linux 6.9, where all pidfds are one file to fstat. There the
	// open file has the process as its owner, whom nothing of a pidfd ever signals.
	file  file
	owned bool
}

// Own returns the Descriptor of fd, a pidfd that was just made for a process of
// this number.
func Own(fd, pid int) Descriptor {
	d := Descriptor{FD: fd, pid: pid}
	if inPidfs(fd) {
		d.file, _ = fileOf(fd)
	} else {
		d.owned = setOwner(fd, pid) == nil
	}
	return d
}

// Lost reports whether the number does not stand for the pidfd any more.
func (d Descriptor) Lost() bool {
	switch {
	case d.file != file{}:
		now, err := fileOf(d.FD)
		return err == unix.EBADF || err == nil && now != d.file
	case d.owned:
		pid, err := owner(d.FD)
		return err == unix.EBADF || err == nil && pid != d.pid && pid != nobody
	}
	return poll(d.FD, 0, 0)&unix.POLLNVAL != 0
}

// Reopen returns another pidfd of the process. It fails if the process has been
// reaped, and where nothing shows that it is not the number's next owner.
func (d Descriptor) Reopen() (Descriptor, error) {
	if (d.file == file{}) {
		return Descriptor{}, errors.ErrUnsupported
	}
	if err := Opens(); err != nil {
		return Descriptor{}, err
	}
	fd, err := unix.PidfdOpen(d.pid, 0)
	if err != nil {
		return Descriptor{}, err
	}
	again := d
	again.FD = fd
	if again.Lost() {
		unix.Close(fd)
		return Descriptor{}, unix.ESRCH
	}
	return again, nil
}

// Close closes the pidfd, and no other file that has its number.
func (d Descriptor) Close() {
	if !d.Lost() {
		unix.Close(d.FD)
	}
}

// A file is what fstat tells one file from all others by.
type file struct{ dev, ino uint64 }

func fileOf(fd int) (file, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return file{uint64(stat.Dev), uint64(stat.Ino)}, err
}

// onPidfs is whether the kernel has pidfs: 0 until a pidfd has told, then yes or no.
var onPidfs atomic.Int32

const yes, no = 1, 2

// inPidfs reports whether fd, a pidfd, is a file of pidfs, as all are or none.
func inPidfs(fd int) bool {
	if known := onPidfs.Load(); known != 0 {
		return known == yes
	}
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) != nil {
		return false
	}
	known := int32(no)
	if fs.Type == unix.PID_FS_MAGIC {
		known = yes
	}
	onPidfs.Store(known)
	return known == yes
}

// fOwner is struct f_owner_ex of fcntl(2).
type fOwner struct{ kind, pid int32 }

const (
	ownerIsProcess = 1  // F_OWNER_PID; an open file without an owner has another kind
	nobody         = 0  // a process that has been reaped
	stranger       = -1 // no process at all
)

func setOwner(fd, pid int) error {
	return fcntlOwner(fd, unix.F_SETOWN_EX, &fOwner{ownerIsProcess, int32(pid)})
}

// owner returns the number of the process that owns the open file, nobody or stranger.
func owner(fd int) (pid int, err error) {
	var o fOwner
	if err := fcntlOwner(fd, unix.F_GETOWN_EX, &o); err != nil {
		return 0, err
	}
	if o.kind != ownerIsProcess {
		return stranger, nil
	}
	return int(o.pid), nil
}

func fcntlOwner(fd, op int, o *fOwner) error {
	_, _, errno := unix.Syscall(
		unix.SYS_FCNTL, uintptr(fd), uintptr(op), uintptr(unsafe.Pointer(o)))
	if errno != 0 {
		return errno
	}
	return nil
}
