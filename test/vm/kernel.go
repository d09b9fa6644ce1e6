package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// A kernel is an image that can be booted.
type kernel struct {
	series  string // as asked for
	version string // of the package
	image   string // path
	newest  bool   // of those that were asked for
}

// A noKernelError says that the archive does not have a series.
type noKernelError struct {
	series, arch string
	update       error // why the lists may be old
}

func (e noKernelError) Error() string {
	text := fmt.Sprintf("kernel %s: no %s package of it is in the archive", e.series, architectures[e.arch].flavour)
	if e.update != nil {
		text += "; the lists may be old: " + e.update.Error()
	}
	return text
}

// fetchKernels returns the kernels asked for, each once, and the errors of
// those the archive does not have.
func fetchKernels(ctx context.Context, o options) ([]kernel, []error, error) {
	c, err := openCatalog(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	var kernels []kernel
	var missing []error
	for _, series := range o.kernels {
		k, err := c.fetch(ctx, series)
		var none noKernelError
		switch {
		case errors.As(err, &none):
			missing = append(missing, err)
		case err != nil:
			return nil, nil, err
		case !slices.ContainsFunc(kernels, func(other kernel) bool { return other.image == k.image }):
			kernels = append(kernels, k)
		}
	}
	markNewest(kernels)
	return kernels, missing, nil
}

func markNewest(kernels []kernel) {
	last := -1
	for i, k := range kernels {
		if last < 0 || compareVersions(k.version, kernels[last].version) > 0 {
			last = i
		}
	}
	if last >= 0 {
		kernels[last].newest = true
	}
}

// A catalog knows which kernels the archive has and keeps the images of those
// that were wanted.
type catalog struct {
	apt       aptState
	arch      string
	dir       string // one folder for each version
	packages  []debPackage
	updated   bool  // in this process
	updateErr error // of that update; some releases may have got through
}

func openCatalog(ctx context.Context, o options) (*catalog, error) {
	m, err := findMirror(ctx, o)
	if err != nil {
		return nil, err
	}
	apt, err := newAptState(ctx, filepath.Join(o.cache, "apt", o.arch), o.arch, m, o.releases)
	if err != nil {
		return nil, err
	}
	c := &catalog{apt: apt, arch: o.arch, dir: filepath.Join(o.cache, "kernels", o.arch)}
	if o.refresh || apt.empty() {
		return c, c.update(ctx)
	}
	return c, c.load(ctx)
}

// update fetches the lists. A release that has left the mirror must not keep
// the kernels of the others from being found.
func (c *catalog) update(ctx context.Context) error {
	c.updated = true
	c.updateErr = c.apt.update(ctx)
	if c.updateErr != nil && c.apt.empty() {
		return c.updateErr
	}
	return c.load(ctx)
}

func (c *catalog) load(ctx context.Context) error {
	found, err := c.apt.search(ctx, `^linux-(image|binary)-[0-9][^ ]*-`+architectures[c.arch].flavour+`$`)
	c.packages = found
	return err
}

// fetch returns the newest kernel of a series. Lists from an earlier run are
// fetched anew if they lack it or name a package that the mirror has dropped.
func (c *catalog) fetch(ctx context.Context, series string) (kernel, error) {
	k, err := c.lookUp(ctx, series)
	if err == nil || c.updated {
		return k, err
	}
	if err := c.update(ctx); err != nil {
		return k, err
	}
	return c.lookUp(ctx, series)
}

func (c *catalog) lookUp(ctx context.Context, series string) (kernel, error) {
	p, ok := newestPackage(c.packages, series)
	if !ok {
		return kernel{}, noKernelError{series, c.arch, c.updateErr}
	}
	image, err := c.image(ctx, p)
	if err != nil {
		return kernel{}, fmt.Errorf("kernel %s: %w", series, err)
	}
	return kernel{series: series, version: p.version, image: image}, nil
}

// image returns the path of the kernel inside a package, from the cache if it
// is there.
func (c *catalog) image(ctx context.Context, p debPackage) (string, error) {
	dir := filepath.Join(c.dir, p.version)
	image := filepath.Join(dir, "vmlinuz")
	if _, err := os.Stat(image); err == nil {
		return image, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(dir, "download-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)

	fmt.Fprintf(os.Stderr, "vm: fetching %s %s\n", p.name, p.version)
	deb, err := c.apt.download(ctx, p, tmp)
	if err != nil {
		return "", err
	}
	unpacked := filepath.Join(tmp, "vmlinuz")
	if err := unpackKernel(ctx, deb, unpacked); err != nil {
		return "", err
	}
	return image, os.Rename(unpacked, image)
}
