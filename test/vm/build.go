package main

import (
	"context"
	"path/filepath"
	"strconv"

	"github.com/wardproc/ward/test/internal/suite"
)

// A payload is what a virtual machine executes, built for its architecture.
type payload struct {
	init  string // path of the init
	tests []testBinary
}

type testBinary struct {
	suite string
	path  string
}

// build compiles the init and the test binaries into the folder work.
func build(ctx context.Context, work string, suites []suite.Suite, o options) (payload, error) {
	p := payload{init: filepath.Join(work, "init")}
	if err := suite.GoBuild(ctx, o.arch, ".", "build", "-buildvcs=false", "-o", p.init, "github.com/wardproc/ward/test/vm/init"); err != nil {
		return p, err
	}
	var flags []string
	if o.race {
		flags = []string{"-race", "-ldflags=-linkmode=external -extldflags=-static"}
	}
	for i, s := range suites {
		path := filepath.Join(work, strconv.Itoa(i)+".test")
		if err := s.Build(ctx, o.arch, path, flags...); err != nil {
			return p, err
		}
		p.tests = append(p.tests, testBinary{suite: s.Name, path: path})
	}
	return p, nil
}
