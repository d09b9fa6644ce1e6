package conformance_test

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func init() {
	selftest.Register("file capabilities", func([]string) {
		if !hasCapability(unix.CAP_NET_RAW) {
			os.Exit(noPrivilege)
		}
		trustNoEnvironment()
	})
}

// A file with capabilities changes no id: only the kernel knows of the mode.
func TestProgramWithFileCapabilitiesTrustsNoEnvironment(t *testing.T) {
	program := ownCopy(t)
	// struct vfs_cap_data of <linux/capability.h>: VFS_CAP_REVISION_2, effective
	words := []uint32{0x02000001, 1 << unix.CAP_NET_RAW, 0, 0, 0}
	var data []byte
	for _, w := range words {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	err := unix.Fsetxattr(int(program.Fd()), "security.capability", data, 0)
	switch err {
	case nil:
	case unix.EOPNOTSUPP, unix.EPERM:
		t.Skipf("no capabilities of files in the folder for temporary files: %v", err)
	default:
		t.Fatal(err)
	}
	runSecure(t, program, "file capabilities")
}

func hasCapability(c int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	return err == nil && data[0].Effective&(1<<c) != 0
}

// whyNoPrivilege asks for the reasons that execve(2) names.
func whyNoPrivilege(program *os.File) string {
	var system unix.Statfs_t
	err := unix.Fstatfs(int(program.Fd()), &system)
	if err == nil && system.Flags&unix.ST_NOSUID != 0 {
		return "the file system for temporary files is mounted nosuid"
	}
	if on, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); on == 1 {
		return "no_new_privs is set, as by the filter of this run"
	}
	left, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_NET_RAW, 0, 0, 0)
	if err == nil && left == 0 {
		return "CAP_NET_RAW is not in the bounding set"
	}
	return ""
}
