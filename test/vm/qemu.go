package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/wardproc/ward/test/internal/suite"
)

// A machine is a kind of computer that QEMU emulates for us.
type machine struct {
	program string // path of QEMU
	version string
	major   int
	arch    architecture
}

// An architecture says how QEMU emulates one.
type architecture struct {
	program  string // name of QEMU
	deb      string // package of Debian that has it
	board    string
	kvmBoard string // the same under KVM, which has the interrupt controller of the host
	console  string
	flavour  string // of Debian's kernels; those for clouds boot fastest, where there are any
}

var architectures = map[string]architecture{
	"amd64":   {"qemu-system-x86_64", "qemu-system-x86", "q35", "q35", "ttyS0", "cloud-amd64"},
	"arm64":   {"qemu-system-aarch64", "qemu-system-arm", "virt", "virt,gic-version=host", "ttyAMA0", "cloud-arm64"},
	"riscv64": {"qemu-system-riscv64", "qemu-system-misc", "virt", "virt", "ttyS0", "riscv64"},
	"s390x":   {"qemu-system-s390x", "qemu-system-misc", "s390-ccw-virtio", "s390-ccw-virtio", "ttysclp0", "s390x"},
}

// oldestGood is the first major version without the double faults that 7.2
// shows now and then under emulation.
const oldestGood = 10

// findQEMU finds QEMU and, if asked to, installs it where it is missing or old.
func findQEMU(ctx context.Context, o options) (machine, error) {
	arch := architectures[o.arch]
	m, err := lookUpQEMU(ctx, arch)
	if o.install && (err != nil || m.major < oldestGood) {
		if err := installPackage(ctx, arch.deb, o); err != nil {
			return m, err
		}
		m, err = lookUpQEMU(ctx, arch)
	}
	if err != nil {
		return m, fmt.Errorf("%w: install the package %s in version %d or later (Debian 12 has it in bookworm-backports), or run this as root with -install", err, arch.deb, oldestGood)
	}
	if m.major < oldestGood {
		fmt.Fprintf(os.Stderr, "vm: warning: %s is version %s, and before %d guests crash now and then; -install as root gets a newer one\n", m.program, m.version, oldestGood)
	}
	return m, nil
}

func lookUpQEMU(ctx context.Context, arch architecture) (machine, error) {
	m := machine{arch: arch}
	path, err := exec.LookPath(arch.program)
	if err != nil {
		return m, fmt.Errorf("%s is missing", arch.program)
	}
	m.program = path
	out, err := suite.Output(exec.CommandContext(ctx, path, "--version"))
	if err != nil {
		return m, err
	}
	m.version, m.major, err = parseQEMUVersion(out)
	return m, err
}

var qemuVersion = regexp.MustCompile(`version (([0-9]+)[0-9.]*)`)

func parseQEMUVersion(out []byte) (version string, major int, err error) {
	match := qemuVersion.FindSubmatch(out)
	if match == nil {
		first, _, _ := bytes.Cut(out, []byte("\n"))
		return "", 0, fmt.Errorf("no version in %q", first)
	}
	major, err = strconv.Atoi(string(match[2]))
	return string(match[1]), major, err
}

// command is one boot. The kernel resets after a panic and the reset ends QEMU.
func (m machine) command(ctx context.Context, accelerator, memory, kernel, initrd string) *exec.Cmd {
	return exec.CommandContext(ctx, m.program,
		"-M", m.arch.board, "-accel", accelerator, "-cpu", "max", "-smp", "2", "-m", memory,
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "stdio", "-monitor", "none",
		"-kernel", kernel, "-initrd", initrd,
		"-append", "console="+m.arch.console+" quiet loglevel=1 panic=-1 reboot=t random.trust_cpu=on mitigations=off")
}
