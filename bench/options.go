package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	Cases     []string
	Libraries []string
	Rounds    int
	Budget    time.Duration // 0 is none
	Time      time.Duration
	At        []int
	Live      []int
	Children  int
	Naps      int
	Files     int
	HeapMiB   int
	JSON      bool `json:"-"`
	List      bool `json:"-"`
}

// parseOptions reads the flags and checks them. Usage goes to stderr.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{
		Libraries: allLibraries,
		Rounds:    5,
		Budget:    50 * time.Second,
		Time:      200 * time.Millisecond,
		At:        []int{1, 8, 64},
		Live:      []int{100, 1000, 8000},
		Children:  5000,
		Naps:      200,
		Files:     15000,
		HeapMiB:   4096,
	}
	for _, bc := range allCases() {
		o.Cases = append(o.Cases, bc.name)
	}
	fs := o.flags(stderr)
	if err := fs.Parse(args); err != nil {
		return options{}, err
	}
	if fs.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if given["rounds"] && !given["budget"] {
		o.Budget = 0
	}
	return o, o.check()
}

func (o *options) flags(stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Var((*nameList)(&o.Cases), "cases", "the `cases` to run, see -list")
	fs.Var((*nameList)(&o.Libraries), "libraries", "the `libraries` to compare")
	fs.IntVar(&o.Rounds, "rounds", o.Rounds, "interleaved `rounds` of each case; lifts -budget unless that is given, too")
	fs.DurationVar(&o.Budget, "budget", o.Budget, "do not start what would end after this `time`, so rounds may be fewer; 0 for no bound")
	fs.DurationVar(&o.Time, "time", o.Time, "how long to count for one figure per second")
	fs.Var((*sizeList)(&o.At), "at", "case rate: how `many` children at a time")
	fs.Var((*sizeList)(&o.Live), "live", "cases live, set and reaper: how `many` children at once")
	fs.IntVar(&o.Children, "children", o.Children, "case thief: how `many` children")
	fs.IntVar(&o.Naps, "naps", o.Naps, "case latency: how `many` children")
	fs.IntVar(&o.Files, "files", o.Files, "case files: how `many` other descriptors")
	fs.IntVar(&o.HeapMiB, "heap", o.HeapMiB, "case heap: how many `MiB` of touched memory")
	fs.BoolVar(&o.JSON, "json", false, "print one JSON document with every sample instead of the table")
	fs.BoolVar(&o.List, "list", false, "list the cases and exit")
	return fs
}

func (o *options) check() error {
	for _, name := range o.Cases {
		if caseNamed(name) == nil {
			return fmt.Errorf("-cases: no case %q, see -list", name)
		}
	}
	for _, name := range o.Libraries {
		if !slices.Contains(allLibraries, name) {
			return fmt.Errorf("-libraries: no library %q, only %s", name, strings.Join(allLibraries, ", "))
		}
	}
	for _, n := range slices.Concat(o.At, o.Live, []int{o.Rounds, o.Children, o.Naps, o.Files, o.HeapMiB}) {
		if n < 1 {
			return fmt.Errorf("%d is no number of rounds or children", n)
		}
	}
	if o.Time <= 0 || o.Budget < 0 {
		return errors.New("-time and -budget must not be negative, and -time not 0")
	}
	return nil
}

// nameList is a flag of names with commas between them.
type nameList []string

func (l *nameList) String() string { return strings.Join(*l, ",") }

func (l *nameList) Set(value string) error {
	*l = nil
	for name := range strings.SplitSeq(value, ",") {
		*l = append(*l, strings.TrimSpace(name))
	}
	return nil
}

// sizeList is a flag of numbers with commas between them.
type sizeList []int

func (l *sizeList) String() string {
	var names nameList
	for _, n := range *l {
		names = append(names, strconv.Itoa(n))
	}
	return names.String()
}

func (l *sizeList) Set(value string) error {
	*l = nil
	for field := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil {
			return err
		}
		*l = append(*l, n)
	}
	return nil
}
