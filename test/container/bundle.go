package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A bundle is a program with the root it sees: a folder with a configuration as the
// specification of OCI runtimes has it, and that root in rootfs.
type bundle struct {
	id   string
	dir  string
	args []string
	box  box
}

// program is where the root has the test binary.
const program = "/prog"

// environ is all that a test binary gets.
var environ = []string{"HOME=/", "PATH=/", "TMPDIR=/tmp"}

// newBundle makes one in the folder dir.
func newBundle(dir, id, binary string, args []string, b box, f *filter) (bundle, error) {
	made := bundle{id: id, dir: dir, args: append([]string{program}, args...), box: b}
	root := made.root()
	for _, name := range []string{"dev", "proc", "sys", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return made, err
		}
	}
	if err := os.Chmod(filepath.Join(root, "tmp"), 0o1777); err != nil {
		return made, err
	}
	if err := copyFile(filepath.Join(root, program), binary); err != nil {
		return made, err
	}
	config, err := json.MarshalIndent(made.config(f), "", "\t")
	if err != nil {
		return made, err
	}
	return made, os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
}

func (b bundle) root() string { return filepath.Join(b.dir, "rootfs") }

func (b bundle) remove() { os.RemoveAll(b.dir) }

// object is one of JSON.
type object map[string]any

// config is the configuration.
func (b bundle) config(f *filter) object {
	linux := object{
		"namespaces": []object{
			{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"},
		},
		"maskedPaths": []string{"/proc/kcore", "/proc/keys", "/proc/timer_list"},
		"readonlyPaths": []string{
			"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
		},
	}
	if b.box.processes > 0 {
		linux["resources"] = object{"pids": object{"limit": b.box.processes}}
	}
	if f != nil {
		linux["seccomp"] = f
	}
	return object{
		"ociVersion": "1.0.2",
		"process": object{
			"user":            object{"uid": b.box.user, "gid": b.box.user},
			"args":            b.args,
			"env":             append(b.box.environ, environ...),
			"cwd":             "/",
			"noNewPrivileges": b.box.noNewPrivs,
			"capabilities":    b.capabilities(),
			"rlimits":         []object{{"type": "RLIMIT_NOFILE", "soft": 20000, "hard": 20000}},
		},
		"root":     object{"path": "rootfs", "readonly": b.box.readOnlyRoot},
		"hostname": "container",
		"mounts":   mounts,
		"linux":    linux,
	}
}

func (b bundle) capabilities() object {
	sets := object{}
	for _, set := range []string{"bounding", "effective", "permitted"} {
		sets[set] = append([]string{}, b.box.capabilities...)
	}
	return sets
}

// mounts are what a root has.
var mounts = []object{
	{
		"destination": "/proc", "type": "proc", "source": "proc",
		"options": []string{"nosuid", "noexec", "nodev"},
	},
	{
		"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
		"options": []string{"nosuid", "strictatime", "mode=755"},
	},
	{
		"destination": "/dev/pts", "type": "devpts", "source": "devpts",
		"options": []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"},
	},
	{
		"destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
		"options": []string{"nosuid", "mode=1777"},
	},
}

// copyFile makes a program of what is in the file from.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if e := out.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}
