package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// An entry is a file of a cpio archive.
type entry struct {
	name    string
	mode    int64
	device  [2]int64
	content string
}

// readCPIO is written from the description of the format, not from the writer.
func readCPIO(t *testing.T, archive []byte) []entry {
	t.Helper()
	var entries []entry
	rest := archive
	take := func(n int64) []byte {
		if n > int64(len(rest)) {
			t.Fatalf("archive ends %d bytes early", n-int64(len(rest)))
		}
		b := rest[:n]
		rest = rest[n:]
		return b
	}
	align := func() { take(-int64(len(archive)-len(rest)) & 3) }
	number := func(header []byte, i int) int64 {
		n, err := strconv.ParseInt(string(header[6+8*i:14+8*i]), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for {
		h := take(110)
		if string(h[:6]) != "070701" {
			t.Fatalf("magic number %q", h[:6])
		}
		name := take(number(h, 11))
		align()
		content := take(number(h, 6))
		align()
		e := entry{
			name:    strings.TrimSuffix(string(name), "\x00"),
			mode:    number(h, 1),
			device:  [2]int64{number(h, 9), number(h, 10)},
			content: string(content),
		}
		if e.name == "TRAILER!!!" {
			return entries
		}
		entries = append(entries, e)
	}
}

func TestCPIOReadsBackAsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "from")
	if err := os.WriteFile(path, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	c := newCPIOWriter(&buf)
	c.dir("dev", 0o755)
	c.device("dev/console", 0o600, 5, 1)
	want := []entry{
		{name: "dev", mode: 0o40755},
		{name: "dev/console", mode: 0o20600, device: [2]int64{5, 1}},
	}
	for n := range 6 { // every length of padding
		content := strings.Repeat("x", n)
		name := "f" + content
		c.file(name, 0o644, content)
		want = append(want, entry{name: name, mode: 0o100644, content: content})
	}
	c.fileFrom("copy", 0o755, path)
	want = append(want, entry{name: "copy", mode: 0o100755, content: "from a file"})
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if got := readCPIO(t, buf.Bytes()); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestCPIOReportsFirstError(t *testing.T) {
	c := newCPIOWriter(io.Discard)
	c.fileFrom("x", 0o644, "/nonexistent/x")
	c.dir("dev", 0o755)
	if err := c.close(); err == nil || !strings.Contains(err.Error(), "/nonexistent/x") {
		t.Errorf("close: %v, want an error about the missing file", err)
	}
}
