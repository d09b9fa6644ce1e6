package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCatalogUsesCachedImage(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no apt
	c := catalog{dir: t.TempDir(), arch: "amd64", packages: []debPackage{{"linux-image-6.1.0-50-cloud-amd64", "6.1.176-1"}}}
	image := filepath.Join(c.dir, "6.1.176-1", "vmlinuz")
	if err := os.Mkdir(filepath.Dir(image), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := c.fetch(context.Background(), "6.1")
	if err != nil || k.image != image {
		t.Errorf("got %+v, %v, want image %s", k, err, image)
	}
}

func TestCatalogSaysWhichKernelIsGone(t *testing.T) {
	c := catalog{arch: "amd64", updated: true, updateErr: errors.New("no route")}
	_, err := c.fetch(context.Background(), "6.18")
	if _, ok := errors.AsType[noKernelError](err); !ok {
		t.Fatalf("got %v, want a noKernelError", err)
	}
	for _, want := range []string{"6.18", "cloud-amd64", "no route"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not mention %s", err, want)
		}
	}
}

func TestNewestKernelIsFoundByVersion(t *testing.T) {
	kernels := []kernel{{version: "7.1.8-1"}, {version: "7.1.13-1"}, {version: "6.18.15-1"}}
	markNewest(kernels)
	for i, k := range kernels {
		if k.newest != (i == 1) {
			t.Errorf("%s: newest is %v", k.version, k.newest)
		}
	}
	markNewest(nil)
}
