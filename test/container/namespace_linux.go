package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

func (n *namespace) command(ctx context.Context, b bundle) command {
	text, err := json.Marshal(n.entry(b))
	if err != nil {
		panic(err)
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{namespaceInit, string(text)}
	cmd.Env = environ
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID |
			syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Setsid:      true, // the session of PID 1 has no number inside
		Pdeathsig:   syscall.SIGKILL,
	}
	return command{cmd, func() {}}
}

// enter carries out an entry. It returns only for a trial, or with an error.
func enter(text string) error {
	var e entry
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount / private", err)
	}
	if e.Root == "" {
		if err := mount("proc", "/proc", "proc", ""); err != nil {
			return err
		}
		return register("/proc", e.Magic)
	}
	// A root is a mount of its own.
	if err := syscall.Mount(e.Root, e.Root, "", syscall.MS_BIND, ""); err != nil {
		return os.NewSyscallError("mount "+e.Root, err)
	}
	if err := fill(e.Root, e.Proc); err != nil {
		return err
	}
	if err := register(filepath.Join(e.Root, "proc"), e.Magic); err != nil {
		return err
	}
	if err := pivot(e.Root); err != nil {
		return err
	}
	return os.NewSyscallError("execve", syscall.Exec(program, e.Args, os.Environ()))
}

// pivot makes root the root, and leaves nothing of the old one: pivot_root(2), "can be
// the same directory".
func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	return os.NewSyscallError("umount", syscall.Unmount(".", syscall.MNT_DETACH))
}

// fill mounts what a root has.
func fill(root string, proc bool) error {
	if proc {
		if err := mount("proc", filepath.Join(root, "proc"), "proc", ""); err != nil {
			return err
		}
	}
	for _, m := range [][3]string{
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/dev", "mode=755"},
	} {
		if err := mount(m[0], filepath.Join(root, m[1]), m[0], m[2]); err != nil {
			return err
		}
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		device := filepath.Join(root, "dev", name)
		if err := os.WriteFile(device, nil, 0o644); err != nil {
			return err
		}
		if err := syscall.Mount("/dev/"+name, device, "", syscall.MS_BIND, ""); err != nil {
			return os.NewSyscallError("mount /dev/"+name, err)
		}
	}
	for name, target := range map[string]string{"ptmx": "pts/ptmx", "fd": "/proc/self/fd"} {
		if err := os.Symlink(target, filepath.Join(root, "dev", name)); err != nil {
			return err
		}
	}
	pts := filepath.Join(root, "dev", "pts")
	if err := os.Mkdir(pts, 0o755); err != nil {
		return err
	}
	return mount("devpts", pts, "devpts", "newinstance,ptmxmode=0666,mode=0620")
}

// register tells the namespace's binfmt_misc of an emulator.
func register(proc, magic string) error {
	if magic == "" {
		return nil
	}
	at := filepath.Join(proc, "sys/fs/binfmt_misc")
	// A user namespace has had one of its own since Linux 6.7.
	if err := mount("binfmt_misc", at, "binfmt_misc", ""); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(at, "register"), []byte(magic), 0)
}

func mount(source, target, kind, options string) error {
	err := syscall.Mount(source, target, kind, syscall.MS_NOSUID, options)
	return os.NewSyscallError("mount "+kind, err)
}
