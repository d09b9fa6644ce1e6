package main

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

// initramfs writes the first and only file system of a virtual machine: the
// init, the test binaries, the plan, and what the kernel needs to start.
func initramfs(path string, p payload, runs []plan.Run) error {
	text, err := json.Marshal(plan.Plan{Runs: runs})
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()

	c := newCPIOWriter(f)
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "tests"} {
		c.dir(dir, 0o755)
	}
	c.device("dev/console", 0o600, 5, 1) // the kernel opens it for the init
	c.device("dev/null", 0o666, 1, 3)
	c.fileFrom("init", 0o755, p.init)
	c.file(strings.TrimPrefix(plan.Path, "/"), 0o644, string(text))
	for i, t := range p.tests {
		c.fileFrom(strings.TrimPrefix(guestPath(i), "/"), 0o755, t.path)
	}
	if err := c.close(); err != nil {
		return err
	}
	return f.Close()
}
