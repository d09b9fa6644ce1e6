//go:build unix

package exec_test

import (
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"
)

// inherit opens descriptors without close-on-exec, by chance, at low and high numbers
// and where a child's files may be. Some numbers are beyond those of any file that a
// wish has, and so out of the way of package syscall, which may lose others.
func (w *world) inherit(seed uint64) (closeAll func()) {
	random := rand.New(rand.NewPCG(seed, 1))
	var open []int
	for _, number := range []int{40, 50, 70, 77, 200, 400} {
		if random.IntN(2) == 0 {
			continue
		}
		if fd, err := unix.FcntlInt(w.file.Fd(), unix.F_DUPFD, number); err == nil {
			open = append(open, fd)
		}
	}
	return func() {
		for _, fd := range open {
			unix.Close(fd)
		}
	}
}

// inherited are the regular files that this process was started with, from 3 on.
func inherited() (files []string) {
	for fd := 3; fd < 1024; fd++ {
		var st unix.Stat_t
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 || unix.Fstat(fd, &st) != nil {
			continue
		}
		if st.Mode&unix.S_IFMT == unix.S_IFREG {
			files = append(files, fmt.Sprintf("%d:%d", fd, st.Ino))
		}
	}
	return files
}
