package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wardproc/ward/test/internal/suite"
)

// A matrix is environments by suites.
type matrix struct {
	options  options
	suites   []suite.Suite
	work     string // folder for what is of no use afterwards
	progress io.Writer
	built    map[string][]string // the test binaries of a GOARCH
}

// runAll runs all suites in all environments.
func (m *matrix) runAll(ctx context.Context) report {
	rep := report{skipMissing: m.options.skipMissing, logs: filepath.Join(m.options.cache, "logs")}
	for _, e := range m.options.environments {
		if ctx.Err() != nil {
			break
		}
		began := time.Now()
		results, err := m.run(ctx, e)
		rep.results = append(rep.results, results...)
		if err != nil {
			rep.missing = append(rep.missing, fmt.Errorf("environment %s: %w", e.name, err))
			continue
		}
		fmt.Fprintf(m.progress, "container: %s took %.1f s\n", e.name, time.Since(began).Seconds())
	}
	return rep
}

// run runs all suites in an environment. An error is why it cannot be had.
func (m *matrix) run(ctx context.Context, e environment) ([]result, error) {
	if err := e.runtime.prepare(ctx, m); err != nil {
		return nil, err
	}
	binaries, err := m.binaries(ctx, e.runtime.arch())
	if err != nil {
		return nil, err
	}
	f, err := m.filter(ctx, e)
	if err != nil {
		return nil, err
	}
	logs := filepath.Join(m.options.cache, "logs", e.name)
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, err
	}
	var results []result
	for i, s := range m.suites {
		args, ok := m.arguments(e, s.Name)
		if !ok {
			continue
		}
		id := "ward-" + strconv.Itoa(os.Getpid()) + "-" + e.name + "-" + strconv.Itoa(i)
		b, err := newBundle(filepath.Join(m.work, id), id, binaries[i], args, e.box, f)
		if err != nil {
			return results, err
		}
		r := m.execute(ctx, e, b)
		b.remove()
		r.environment, r.suite = e.name, s.Name
		results = append(results, r)
		log := strings.Trim(strings.ReplaceAll(s.Name, "/", "-"), ".-")
		if log == "" {
			log = "root"
		}
		if err := os.WriteFile(filepath.Join(logs, log+".log"), r.output, 0o644); err != nil {
			return results, err
		}
	}
	return results, nil
}

// filter returns what the profile of an environment comes to on this machine.
func (m *matrix) filter(ctx context.Context, e environment) (*filter, error) {
	if e.profile == nil {
		return nil, nil
	}
	release, err := suite.Output(exec.CommandContext(ctx, "uname", "-r"))
	if err != nil {
		return nil, err
	}
	return e.profile.filter(ctx, place{e.runtime.arch(), string(release), e.box.capabilities})
}

// binaries builds the test binaries for an architecture, once.
func (m *matrix) binaries(ctx context.Context, arch string) ([]string, error) {
	if b, ok := m.built[arch]; ok {
		return b, nil
	}
	var paths []string
	for i, s := range m.suites {
		path := filepath.Join(m.work, arch+"-"+strconv.Itoa(i)+".test")
		if err := s.Build(ctx, arch, path); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	if m.built == nil {
		m.built = make(map[string][]string)
	}
	m.built[arch] = paths
	return paths, nil
}

// arguments returns those of a suite in an environment, if it is run there. They let
// a binary that hangs say where before it is killed.
func (m *matrix) arguments(e environment, suite string) (args []string, ok bool) {
	limit := max(m.options.timeout-10*time.Second, m.options.timeout/2)
	args = []string{"-test.v=test2json", "-test.timeout=" + limit.String()}
	if e.only != nil {
		if e.only[suite] == "" {
			return nil, false
		}
		args = append(args, "-test.run="+e.only[suite])
	}
	return append(args, m.options.args...), true
}

// execute runs a test binary to its end.
func (m *matrix) execute(ctx context.Context, e environment, b bundle) result {
	ctx, cancel := context.WithTimeoutCause(ctx, m.options.timeout,
		fmt.Errorf("not done after %v", m.options.timeout))
	defer cancel()
	cmd := e.runtime.command(ctx, b)
	// Through a pipe, as under go test: a test may look at what its files are.
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = struct{ io.Writer }{&output}, struct{ io.Writer }{&output}
	began := time.Now()
	err := cmd.Run()
	seconds := time.Since(began).Seconds()
	cmd.cleanUp()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return newResult(output.Bytes(), seconds, err, e.backend)
}
