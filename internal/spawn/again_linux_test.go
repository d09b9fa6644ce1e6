//go:build linux && (amd64 || arm64)

package spawn

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward/internal/probe"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("killing filter", func([]string) { metAKillingFilter() })
	selftest.Register("dumpable again", func([]string) { fetchOnceDumpable() })
}

// skipCode is the exit code of a helper that lacks what it says.
const skipCode = 77

// runHelper runs a helper, as a user without privileges if there is one.
func runHelper(t *testing.T, name string) {
	t.Helper()
	path, argv, env := selftest.Command(name)
	cmd := exec.Command(path, argv[1:]...)
	cmd.Env = env
	if selftest.MayBecome(65534) == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	text, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == skipCode:
		t.Skipf("%s", text)
	case err != nil:
		t.Errorf("%v\n%s", err, text)
	}
}

func endHelper(code int, format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	os.Exit(code)
}

// die ends the child by SIGKILL: in strict mode that is what another call gets.
func (p *program) die() {
	const strict = 1 // SECCOMP_MODE_STRICT
	p.add("prctl(PR_SET_SECCOMP)", wantSuccess, unix.SYS_PRCTL, unix.PR_SET_SECCOMP, strict)
}

func TestTrialThatWasKilledByChanceIsMadeAgain(t *testing.T) {
	if err := Works(); err != nil {
		t.Skip(err)
	}
	made := 0
	p := probe.Probe{Pause: time.Millisecond, Try: func() error {
		made++
		return try(func(p *program) {
			p.unshare(0)
			if made == 1 {
				p.die()
			}
		})
	}}
	err := p.Err()
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the first trial, which was killed: %v", err)
	}
	time.Sleep(2 * time.Millisecond)
	if err := p.Err(); err != nil || made != 2 {
		t.Errorf("%d trials, the last: %v", made, err)
	}
}

// A filter that kills has each trial die, and does not go away.
func TestTrialThatAFilterHasKilledIsNotMadeAgain(t *testing.T) {
	if err := Works(); err != nil {
		t.Skip(err)
	}
	runHelper(t, "killing filter")
}

func metAKillingFilter() {
	if err := selftest.Forbid(selftest.Call{Number: unix.SYS_CLOSE_RANGE}); err != nil {
		endHelper(1, "%v", err)
	}
	alone := try(func(p *program) { p.unshare(0) })
	for _, err := range []error{alone, tryClone(0)} {
		if err == nil || !probe.Final(err) {
			endHelper(1, "trial under a filter that kills: %v, final %v", err, probe.Final(err))
		}
	}
}

// A program that cannot be dumped cannot be traced by its children, and they cannot
// fetch its files.
func TestFilesAreFetchedOnceTheProgramIsDumpable(t *testing.T) {
	if err := Works(); err != nil {
		t.Skip(err)
	}
	runHelper(t, "dumpable again")
}

func fetchOnceDumpable() {
	if err := fetches.Try(); err != nil {
		endHelper(skipCode, "no right to fetch files, dumpable or not: %v", err)
	}
	setDumpable(0)
	fetches.Pause = 10 * time.Millisecond
	if err := Fetches(); err == nil {
		endHelper(skipCode, "a program that cannot be dumped has its files fetched: CAP_SYS_PTRACE")
	}
	setDumpable(1)
	time.Sleep(2 * fetches.Pause)
	if err := Fetches(); err != nil {
		endHelper(1, "Fetches: %v", err)
	}
}

func setDumpable(on uintptr) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, on, 0, 0, 0); err != nil {
		endHelper(1, "prctl(PR_SET_DUMPABLE): %v", err)
	}
}
