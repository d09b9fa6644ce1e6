package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/wardproc/ward/test/internal/suite"
)

// benchAll runs the program of package bench in each environment, and writes what it
// prints. It reports whether all went well.
func (m *matrix) benchAll(ctx context.Context, w io.Writer) (ok bool) {
	ok = true
	for _, e := range m.options.environments {
		fmt.Fprintf(w, "=== %s: %s\n", e.name, e.about)
		if err := m.bench(ctx, e, w); err != nil {
			fmt.Fprintf(w, "%s: %v\n", e.name, err)
			ok = false
		}
	}
	return ok
}

func (m *matrix) bench(ctx context.Context, e environment, w io.Writer) error {
	if err := e.runtime.prepare(ctx, m); err != nil {
		return err
	}
	found, err := suite.Find(ctx, []string{"./bench"})
	if err != nil {
		return err
	}
	program := filepath.Join(m.work, "bench-"+e.runtime.arch())
	if err := suite.GoBuild(ctx, e.runtime.arch(), found[0].Dir, "build", "-o", program, "."); err != nil {
		return err
	}
	f, err := m.filter(ctx, e)
	if err != nil {
		return err
	}
	id := fmt.Sprintf("ward-%d-%s-bench", os.Getpid(), e.name)
	b, err := newBundle(filepath.Join(m.work, id), id, program, strings.Fields(m.options.bench), e.box, f)
	if err != nil {
		return err
	}
	defer b.remove()
	ctx, cancel := context.WithTimeout(ctx, m.options.timeout)
	defer cancel()
	cmd := e.runtime.command(ctx, b)
	defer cmd.cleanUp()
	// Through a pipe, as each environment would have an offset of its own in a file.
	cmd.Stdout, cmd.Stderr = struct{ io.Writer }{w}, m.progress
	return cmd.Run()
}
