package main

import (
	"errors"
	"flag"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestParseOptions(t *testing.T) {
	o, err := parseOptions(strings.Fields("-arch arm64 -kernels 6.1,newest,6.1 -missing skip -pid1 all ./a ./b"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"6.1", newest}; !reflect.DeepEqual(o.kernels, want) {
		t.Errorf("kernels %q, want %q", o.kernels, want)
	}
	if want := []string{"./a", "./b"}; !reflect.DeepEqual(o.packages, want) {
		t.Errorf("packages %q, want %q", o.packages, want)
	}
	if !o.skipMissing || o.pid1 != "all" {
		t.Errorf("got %+v", o)
	}
}

func TestDefaultKernelsFollowArchitecture(t *testing.T) {
	for arch, kernels := range defaultKernels {
		o, err := parseOptions([]string{"-arch", arch, "-args", "-test.run X"}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(o.kernels, ","); got != kernels {
			t.Errorf("%s: kernels %s, want %s", arch, got, kernels)
		}
		if want := []string{"-test.run", "X"}; !reflect.DeepEqual(o.args, want) {
			t.Errorf("args %q, want %q", o.args, want)
		}
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	foreign := "arm64"
	if runtime.GOARCH == foreign {
		foreign = "amd64"
	}
	for args, want := range map[string]string{
		"-arch mips":             "-arch mips",
		"-kernels 6":             "-kernels 6",
		"-kernels latest":        "-kernels latest",
		"-kernels ,":             "-kernels",
		"-memory 512":            "-memory 512",
		"-timeout 0s":            "-timeout 0s",
		"-timeout soon":          "-timeout",
		"-j 0":                   "-j 0",
		"-pid1 some":             "-pid1 some",
		"-missing maybe":         "-missing maybe",
		"-mirror http://m":       "-keyring",
		"-race -arch " + foreign: "-race",
		"-nonsense":              "-nonsense",
	} {
		_, err := parseOptions(strings.Fields(args), io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", args, err, want)
		}
	}
}

func TestHelpShowsFlags(t *testing.T) {
	var usage strings.Builder
	if _, err := parseOptions([]string{"-h"}, &usage); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v, want flag.ErrHelp", err)
	}
	if !strings.Contains(usage.String(), "-kernels") {
		t.Errorf("got %q", usage.String())
	}
}
