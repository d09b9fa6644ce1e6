//go:build unix

package wait4

import "testing"

func TestEnded(t *testing.T) {
	for goos, continued := range map[string]uint32{
		"freebsd": 0x13, "dragonfly": 0x13,
		"darwin": 0x137f, "ios": 0x137f,
		"netbsd": 0xffff, "openbsd": 0xffff, "linux": 0xffff, "solaris": 0xffff, "illumos": 0xffff, "aix": 0xffff,
	} {
		for _, test := range []struct {
			what   string
			status uint32
			want   bool
		}{
			{"exit 0", 0, true},
			{"exit 1", 0x100, true},
			{"exit 19", 0x1300, true},
			{"exit 127", 0x7f00, true},
			{"exit 255", 0xff00, true},
			{"SIGHUP", 0x01, true},
			{"SIGKILL", 0x09, true},
			{"SIGSEGV, core dumped", 0x8b, true},
			{"the last real-time signal", 0x7e, true},
			{"stopped by SIGSTOP of the BSDs", 0x117f, false},
			{"stopped by SIGSTOP of Linux, or SIGCONT of the BSDs", 0x137f, false},
			{"stopped by SIGTRAP", 0x057f, false},
			{"stopped at an exec under ptrace", 0x4057f, false},
			{"continued", continued, false},
		} {
			if got := ended(goos, test.status); got != test.want {
				t.Errorf("%s: ended(%#x), %s, is %v", goos, test.status, test.what, got)
			}
		}
	}
	// By SIGSTOP, where that is 19 and nobody can handle it.
	if !ended("linux", 0x13) {
		t.Error("linux: a child that 19 has killed has not ended")
	}
}
