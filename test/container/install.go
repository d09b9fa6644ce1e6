package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/wardproc/ward/test/internal/suite"
)

// installPackage installs a package of Debian into the machine.
func installPackage(ctx context.Context, name string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("-install: only root can install %s", name)
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("-install: %s is a package of Debian, and there is no apt-get", name)
	}
	fmt.Fprintf(os.Stderr, "container: installing %s\n", name)
	_, updateErr := suite.Output(aptGet(ctx, "update"))
	if _, err := suite.Output(aptGet(ctx, "install", "-y", "--no-install-recommends", name)); err != nil {
		return errors.Join(err, updateErr) // alone, a source that is out of reach does not matter
	}
	return nil
}

func aptGet(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	return cmd
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return line
}
