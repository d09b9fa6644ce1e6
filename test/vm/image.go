package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// unpackKernel copies the kernel image out of a package.
func unpackKernel(ctx context.Context, deb, to string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := copyKernel(out, to); err != nil {
		cancel()
		cmd.Wait()
		return fmt.Errorf("%s: %w", filepath.Base(deb), err)
	}
	cancel() // the modules come after the kernel, and are not wanted
	cmd.Wait()
	return nil
}

func copyKernel(archive io.Reader, to string) error {
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if err == io.EOF {
			return errors.New("no kernel image inside")
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !kernelPath(h.Name) {
			continue
		}
		f, err := os.Create(to)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, r); err != nil {
			f.Close()
			return err
		}
		return f.Close()
	}
}

// kernelPath says where the image is: in /boot up to Linux 6.18, with the
// modules from 6.19 on.
func kernelPath(name string) bool {
	name = strings.TrimPrefix(path.Clean("/"+name), "/usr")
	for _, pattern := range []string{
		"/boot/vmlinuz-*", "/lib/modules/*/vmlinuz",
		"/boot/vmlinux-*", "/lib/modules/*/vmlinux", // riscv64
	} {
		if ok, _ := path.Match(pattern, name); ok {
			return true
		}
	}
	return false
}
