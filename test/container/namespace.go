package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	goruntime "runtime"

	"github.com/wardproc/ward/test/internal/suite"
)

// A namespace runs programs in a new user namespace, in which we are root and there
// is nobody else, as unshare -Ur makes it, with a binfmt_misc of its own if an
// emulator is to run them. It needs no rights.
type namespace struct {
	emulated string // the GOARCH of programs that are emulated, else empty

	emulator string // path, set by prepare
}

// An emulator is one of qemu-user.
type emulator struct {
	program string
	magic   string // as binfmt_misc has it: mark and mask
}

var emulators = map[string]emulator{
	"arm64": {
		"qemu-aarch64-static",
		`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00` +
			`:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`,
	},
}

func (n *namespace) prepare(ctx context.Context, m *matrix) error {
	if n.emulated == "" {
		return n.try(ctx)
	}
	if n.emulated == goruntime.GOARCH {
		return fmt.Errorf("there is nothing to emulate on %s", n.emulated)
	}
	name := emulators[n.emulated].program
	path, err := exec.LookPath(name)
	if err != nil && m.options.install {
		if err := installPackage(ctx, "qemu-user-static"); err != nil {
			return err
		}
		path, err = exec.LookPath(name)
	}
	if err != nil {
		return errors.New(name + " is not installed: as root, apt-get install qemu-user-static, or run this with -install")
	}
	version, err := suite.Output(exec.CommandContext(ctx, path, "--version"))
	if err != nil {
		return err
	}
	fmt.Fprintf(m.progress, "container: %s\n", firstLine(version))
	n.emulator = path
	return n.try(ctx)
}

// try makes a namespace and runs nothing in it.
func (n *namespace) try(ctx context.Context) error {
	_, err := suite.Output(n.command(ctx, bundle{}).Cmd)
	return err
}

func (n *namespace) arch() string {
	if n.emulated != "" {
		return n.emulated
	}
	return goruntime.GOARCH
}

// namespaceInit is the program name under which this program is started as PID 1 of
// a new namespace.
const namespaceInit = "ward-container-namespace"

// An entry is what it is to do there.
type entry struct {
	Root  string   // empty for a trial
	Proc  bool     // whether the root has it
	Magic string   // for binfmt_misc, else empty
	Args  []string // of the program
}

// entry is that of a bundle.
func (n *namespace) entry(b bundle) entry {
	e := entry{Args: b.args, Proc: !b.box.withoutProc}
	if b.dir != "" {
		e.Root = b.root()
	}
	if n.emulator != "" {
		// With F the interpreter is found before the root changes.
		e.Magic = fmt.Sprintf(":ward:M::%s:%s:F", emulators[n.emulated].magic, n.emulator)
	}
	return e
}
