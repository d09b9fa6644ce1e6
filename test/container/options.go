package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options is the parsed command line.
type options struct {
	environments []environment
	packages     []string
	args         []string // for each test binary
	bench        string   // for the program of package bench, which is run instead if this is not empty
	timeout      time.Duration
	cache        string
	install      bool
	skipMissing  bool
}

var defaultPackages = []string{
	".", "./exec", "./test/conformance", "./test/hostile", "./examples/func", "./examples/init",
}

// parseOptions reads the command line and checks all that can be checked without
// looking at the machine.
func parseOptions(args []string, usage io.Writer) (options, error) {
	var o options
	var names, missing, testArgs string
	flags := flag.NewFlagSet("container", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.Usage = func() {
		fmt.Fprintln(usage, "usage: go -C test/container run . [flags] [packages]")
		flags.PrintDefaults()
		fmt.Fprintln(usage, "environments:")
		for _, e := range environments {
			fmt.Fprintf(usage, "  %-13s %s\n", e.name, e.about)
		}
	}
	flags.StringVar(&names, "environments", "all", "comma-separated `names` of environments, or all")
	flags.StringVar(&testArgs, "args", "", "blank-separated `arguments` for each test binary, such as \"-test.run X -test.short\"")
	flags.StringVar(&o.bench, "bench", "", "run no tests, but the program of package bench with these blank-separated `arguments`, such as \"-cases rate -libraries os/exec,ward\"")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Minute, "time limit for each suite in each environment")
	flags.StringVar(&o.cache, "cache", defaultCache(), "`folder` for runsc and logs")
	flags.StringVar(&missing, "missing", "fail", "what an environment is that cannot be had: `fail or skip`")
	flags.BoolVar(&o.install, "install", false, "as root, install runc and qemu-user-static through apt if they are missing")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if missing != "fail" && missing != "skip" {
		return o, fmt.Errorf("-missing %s: want fail or skip", missing)
	}
	o.skipMissing = missing == "skip"
	if o.timeout <= 0 {
		return o, fmt.Errorf("-timeout %v: want a positive time", o.timeout)
	}
	if o.packages = flags.Args(); len(o.packages) == 0 {
		o.packages = defaultPackages
	}
	o.args = strings.Fields(testArgs)
	var err error
	if o.environments, err = findEnvironments(names); err != nil {
		return o, err
	}
	if o.cache == "" {
		return o, errors.New("-cache: no home folder to put one in, so it must be given")
	}
	o.cache, err = filepath.Abs(o.cache)
	return o, err
}

// findEnvironments returns those of a comma-separated list of names, each once.
func findEnvironments(names string) ([]environment, error) {
	if names == "all" {
		return environments, nil
	}
	var found []environment
	for name := range strings.SplitSeq(names, ",") {
		named := func(e environment) bool { return e.name == strings.TrimSpace(name) }
		i := slices.IndexFunc(environments, named)
		if i < 0 {
			return nil, fmt.Errorf("-environments %s: there is no %q, see -help", names, name)
		}
		if !slices.ContainsFunc(found, named) {
			found = append(found, environments[i])
		}
	}
	return found, nil
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "ward-container")
}
