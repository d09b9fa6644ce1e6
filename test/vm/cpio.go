package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
)

// A cpioWriter writes an archive in the "newc" format, the one the kernel
// unpacks as its first file system (Documentation/driver-api/early-userspace/
// buffer-format.rst). The first error sticks and is returned by close.
type cpioWriter struct {
	w   *bufio.Writer
	n   int64 // bytes written
	ino int
	err error
}

func newCPIOWriter(w io.Writer) *cpioWriter {
	return &cpioWriter{w: bufio.NewWriter(w)}
}

// Types of file, from inode(7).
const (
	modeDir    = 0o040000
	modeDevice = 0o020000 // character device
	modeFile   = 0o100000
)

func (c *cpioWriter) dir(name string, perm uint32) {
	c.header(name, modeDir|perm, 0, 0, 0)
}

// device adds a character device.
func (c *cpioWriter) device(name string, perm, major, minor uint32) {
	c.header(name, modeDevice|perm, 0, major, minor)
}

func (c *cpioWriter) file(name string, perm uint32, content string) {
	c.copy(name, perm, int64(len(content)), strings.NewReader(content))
}

// fileFrom adds the file at path under another name.
func (c *cpioWriter) fileFrom(name string, perm uint32, path string) {
	f, err := os.Open(path)
	if err != nil {
		c.fail(err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		c.fail(err)
		return
	}
	c.copy(name, perm, info.Size(), f)
}

func (c *cpioWriter) copy(name string, perm uint32, size int64, content io.Reader) {
	if size > 0xffffffff {
		c.fail(fmt.Errorf("%s: too large for cpio", name))
		return
	}
	c.header(name, modeFile|perm, size, 0, 0)
	if c.err != nil {
		return
	}
	n, err := io.Copy(c.w, content)
	c.n += n
	if err == nil && n != size {
		err = fmt.Errorf("%s: %d bytes instead of %d", name, n, size)
	}
	c.fail(err)
	c.pad()
}

// close writes the trailer.
func (c *cpioWriter) close() error {
	c.header("TRAILER!!!", 0, 0, 0, 0)
	c.fail(c.w.Flush())
	return c.err
}

// header writes the magic number and thirteen numbers of eight hexadecimal
// digits, then the name.
func (c *cpioWriter) header(name string, mode uint32, size int64, major, minor uint32) {
	c.ino++
	const root, links, time, device, checksum = 0, 1, 0, 0, 0
	c.print("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		c.ino, mode, root, root, links, time, size, device, device, major, minor, len(name)+1, checksum, name)
	c.pad()
}

// pad fills up to a multiple of four bytes, as is due after a name and after
// the content of a file.
func (c *cpioWriter) pad() {
	c.print("%s", "\x00\x00\x00"[:-c.n&3])
}

func (c *cpioWriter) print(format string, args ...any) {
	if c.err != nil {
		return
	}
	n, err := fmt.Fprintf(c.w, format, args...)
	c.n += int64(n)
	c.fail(err)
}

func (c *cpioWriter) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}
