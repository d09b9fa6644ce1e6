package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestCopyKernelFindsImage(t *testing.T) {
	for name, isKernel := range map[string]bool{
		"./boot/vmlinuz-6.12.107+deb13-cloud-amd64":             true,
		"./usr/lib/modules/7.1.13+deb13-cloud-amd64/vmlinuz":    true,
		"./lib/modules/7.1.13+deb13-cloud-amd64/vmlinuz":        true,
		"./boot/System.map-6.12.107+deb13-cloud-amd64":          false,
		"./usr/share/doc/linux-image-7.1.13/vmlinuz":            false,
		"./lib/modules/7.1.13+deb13-cloud-amd64/kernel/vmlinuz": false,
	} {
		to := filepath.Join(t.TempDir(), "vmlinuz")
		err := copyKernel(tarOf(t, "./boot/config", name), to)
		if (err == nil) != isKernel {
			t.Errorf("%s: %v", name, err)
		}
		if !isKernel {
			continue
		}
		if b, err := os.ReadFile(to); string(b) != name || err != nil {
			t.Errorf("%s: got %q, %v", name, b, err)
		}
	}
}

// tarOf returns an archive of files whose content is their name.
func tarOf(t *testing.T, names ...string) *bytes.Buffer {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(name)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf
}
