package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"time"

	"github.com/wardproc/ward/test/internal/suite"
)

// A command is one run of a program in a bundle.
type command struct {
	*exec.Cmd
	cleanUp func()
}

// An oci is a runtime that knows bundles.
type oci struct {
	name  string
	flags []string
	find  func(ctx context.Context, m *matrix) (path, version string, err error)

	path, state string // set by prepare
}

var (
	runc = &oci{name: "runc", find: findRunc}

	// It has no network of its own, nor any cgroup.
	runsc = &oci{
		name:  "runsc",
		flags: []string{"--network=none", "--ignore-cgroups"},
		find: func(ctx context.Context, m *matrix) (path, version string, err error) {
			path, err = gvisor.install(ctx, "runsc", m.options.cache)
			return path, "runsc of " + gvisor.String(), err
		},
	}
)

// gvisor is of its branch go, which the go command can build.
var gvisor = goModule{"gvisor.dev/gvisor", "v0.0.0-20260905035102-160fafc42237"}

func findRunc(ctx context.Context, m *matrix) (path, version string, err error) {
	path, err = exec.LookPath("runc")
	if err != nil && m.options.install {
		if err := installPackage(ctx, "runc"); err != nil {
			return "", "", err
		}
		path, err = exec.LookPath("runc")
	}
	if err != nil {
		return "", "", errors.New("runc is not installed: as root, apt-get install runc, or run this with -install")
	}
	said, err := suite.Output(exec.CommandContext(ctx, path, "--version"))
	return path, string(firstLine(said)), err
}

func (o *oci) prepare(ctx context.Context, m *matrix) error {
	if o.path != "" {
		return nil
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("only root can run %s", o.name)
	}
	path, version, err := o.find(ctx, m)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.progress, "container: %s\n", version)
	o.path, o.state = path, filepath.Join(m.work, o.name)
	return nil
}

func (o *oci) arch() string { return goruntime.GOARCH }

func (o *oci) command(ctx context.Context, b bundle) command {
	cmd := exec.CommandContext(ctx, o.path, o.args("run", "--bundle", b.dir, b.id)...)
	cmd.Cancel = func() error { return o.do("kill", b.id, "KILL") }
	cmd.WaitDelay = 10 * time.Second
	return command{cmd, func() {
		o.do("delete", "--force", b.id)
		// runsc leaves a mount there, and the folder is to go.
		exec.Command("umount", filepath.Join(o.state, "null-netns")).Run()
	}}
}

// do has the runtime do something to a container. That it is gone is no matter.
func (o *oci) do(args ...string) error {
	return exec.Command(o.path, o.args(args...)...).Run()
}

func (o *oci) args(args ...string) []string {
	return append(append([]string{"--root", o.state}, o.flags...), args...)
}
