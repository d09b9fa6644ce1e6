package ward

import (
	"errors"
	"fmt"
	"syscall"

	pidfds "github.com/wardproc/ward/internal/pidfd"
	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/spawn"
)

// privateWorks returns an error where the system has no private children.
func privateWorks(set settings) error {
	switch {
	case !usePidfd(set):
		return unsupported("Attr.Private without pidfds")
	case set.spawn == "std":
		return unsupported("Attr.Private with WARDDEBUG=spawn=std")
	}
	err := spawn.Works()
	if probe.Refused(err) {
		return fmt.Errorf("Attr.Private: no spawn programs (Linux 5.9 on amd64 or arm64): %w (%w)", errors.ErrUnsupported, err)
	}
	return err
}

// private returns how to start a child that no wait in this program sees: one
// that the kernel reaps, or before Linux 7.1 one of the keeper's. So is a child that
// changes its ids, as CLONE_AUTOREAP excludes the CLONE_PARENT that it needs.
func (b *pidfd) private(sys *syscall.SysProcAttr) (spawner, arranger) {
	set, _ := environment()
	changesIDs := sys != nil && sys.Credential != nil
	b.autoreaped = set.private != "keeper" && !changesIDs && autoreaps() == nil
	if b.autoreaped {
		return spawn.AutoreapedChild, arrangeOn
	}
	return b.spawnKept, arrangeKept
}

// autoreaps tells whether the kernel reaps children, and gives the status to
// whom has the pidfd.
func autoreaps() error {
	if err := spawn.Autoreaps(); err != nil {
		return err
	}
	return pidfds.Recovers()
}

// reapAutoreaped reads the status of a child that the kernel reaps. With the
// hang-up it is there; when the pidfd gets readable it may not be yet.
func (b *pidfd) reapAutoreaped(p *process) (*State, error) {
	if !pidfds.HungUpWithin(b.fd.FD, 0) {
		return nil, ErrRunning
	}
	status, ok, _ := pidfds.ExitStatus(b.fd.FD)
	if !ok {
		return nil, ErrStatusLost
	}
	return &State{pid: p.pid, status: status}, nil
}
