package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// options is the parsed command line.
type options struct {
	arch        string   // as GOARCH
	kernels     []string // series such as 6.1, or newest
	packages    []string
	args        []string // for each test binary
	memory      string   // of one virtual machine, as QEMU's -m takes it
	timeout     time.Duration
	jobs        int
	race        bool
	pid1        string // which kernels get a run as PID 1
	neverPID1   []string
	cache       string
	releases    []string // of Debian, that kernels come from
	mirror      string   // empty for the machine's own
	keyring     string
	refresh     bool
	install     bool
	skipMissing bool
}

// newest stands for the newest kernel there is.
const newest = "newest"

var defaultKernels = map[string]string{
	"amd64":   "5.10,6.1,6.12,6.18,7.1,newest",
	"arm64":   "6.12,newest",
	"riscv64": "newest",
	"s390x":   "6.1",
}

var defaultPackages = []string{".", "./test/conformance", "./test/hostile"}

// helperPackages are those of defaultPackages that do in helpers, which are never
// PID 1, all that they do.
var helperPackages = []string{"./test/hostile"}

const defaultReleases = "bullseye,bookworm,trixie,trixie-backports"

// parseOptions reads the command line and checks all that can be checked
// without looking at the machine.
func parseOptions(args []string, usage io.Writer) (options, error) {
	var o options
	var kernels, missing, testArgs, releases string
	flags := flag.NewFlagSet("vm", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.Usage = func() {
		fmt.Fprintln(usage, "usage: go -C test/vm run . [flags] [packages]")
		flags.PrintDefaults()
	}
	flags.StringVar(&o.arch, "arch", defaultArch(), "`architecture` of the virtual machines, amd64, arm64, riscv64 or s390x")
	flags.StringVar(&kernels, "kernels", "", "comma-separated kernel `series`, such as 6.1, or newest\n(default \""+defaultKernels["amd64"]+"\"; for arm64 \""+defaultKernels["arm64"]+"\", else the one there is)")
	flags.StringVar(&testArgs, "args", "", "blank-separated `arguments` for each test binary, such as \"-test.run X -test.short\"")
	flags.StringVar(&o.memory, "memory", "512M", "memory `size` of each virtual machine")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Minute, "time limit for each virtual machine")
	flags.IntVar(&o.jobs, "j", max(1, runtime.NumCPU()/2), "`number` of virtual machines at a time, of two processors each")
	flags.BoolVar(&o.race, "race", false, "build with the race detector; needs a C compiler and the machine's own architecture")
	flags.StringVar(&o.pid1, "pid1", "newest", "`kernels` on which the suites are run a second time as PID 1 of a pid namespace: newest, all or none")
	flags.StringVar(&o.cache, "cache", defaultCache(), "`folder` for kernels and logs")
	flags.StringVar(&releases, "releases", defaultReleases, "comma-separated `releases` of Debian to take kernels from")
	flags.StringVar(&o.mirror, "mirror", "", "`address` of a Debian mirror (default the machine's own)")
	flags.StringVar(&o.keyring, "keyring", "", "`file` with the keys that sign the mirror (default the machine's own)")
	flags.StringVar(&missing, "missing", "fail", "what a kernel series is that Debian no longer has: `fail or skip`")
	flags.BoolVar(&o.refresh, "refresh", false, "look for newer kernels than the cache knows")
	flags.BoolVar(&o.install, "install", false, "as root, install QEMU through apt if it is missing or too old")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if missing != "fail" && missing != "skip" {
		return o, fmt.Errorf("-missing %s: want fail or skip", missing)
	}
	o.skipMissing = missing == "skip"
	if kernels == "" {
		kernels = defaultKernels[o.arch]
	}
	o.kernels = splitList(kernels)
	o.releases = splitList(releases)
	o.args = strings.Fields(testArgs)
	if o.packages = flags.Args(); len(o.packages) == 0 {
		o.packages, o.neverPID1 = defaultPackages, helperPackages
	}
	if err := o.check(); err != nil {
		return o, err
	}
	return o, o.absolute()
}

var (
	seriesForm = regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)?$`)
	memoryForm = regexp.MustCompile(`^[1-9][0-9]*[MG]$`)
)

func (o options) check() error {
	if _, ok := defaultKernels[o.arch]; !ok {
		return fmt.Errorf("-arch %s: want amd64, arm64, riscv64 or s390x", o.arch)
	}
	if len(o.kernels) == 0 {
		return errors.New("-kernels: want at least one series")
	}
	for _, k := range o.kernels {
		if k != newest && !seriesForm.MatchString(k) {
			return fmt.Errorf("-kernels %s: want a series such as 6.1, or newest", k)
		}
	}
	if !memoryForm.MatchString(o.memory) {
		return fmt.Errorf("-memory %s: want a size such as 512M or 2G", o.memory)
	}
	if o.timeout <= 0 {
		return fmt.Errorf("-timeout %v: want a positive time", o.timeout)
	}
	if o.jobs < 1 {
		return fmt.Errorf("-j %d: want at least 1", o.jobs)
	}
	if !slices.Contains([]string{"newest", "all", "none"}, o.pid1) {
		return fmt.Errorf("-pid1 %s: want newest, all or none", o.pid1)
	}
	if o.race && o.arch != runtime.GOARCH {
		return fmt.Errorf("-race: the race detector cannot be cross-built from %s to %s", runtime.GOARCH, o.arch)
	}
	if (o.mirror == "") != (o.keyring == "") {
		return errors.New("-mirror and -keyring: want both or neither")
	}
	if o.cache == "" {
		return errors.New("-cache: no home folder to put one in, so it must be given")
	}
	return nil
}

// absolute makes paths so that apt, which has a root of its own for relative
// ones, takes them as meant.
func (o *options) absolute() error {
	for _, path := range []*string{&o.cache, &o.keyring} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = abs
	}
	return nil
}

func defaultArch() string {
	if _, ok := defaultKernels[runtime.GOARCH]; ok {
		return runtime.GOARCH
	}
	return "amd64"
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "ward-vm")
}

// splitList splits at commas and drops empty and repeated elements.
func splitList(s string) []string {
	var list []string
	for e := range strings.SplitSeq(s, ",") {
		if e = strings.TrimSpace(e); e != "" && !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return list
}
