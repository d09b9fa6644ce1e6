package main

import (
	"io"
	"strings"
	"testing"
)

func TestOptionsNameEnvironments(t *testing.T) {
	for list, want := range map[string]string{
		"docker":                 "docker",
		"gvisor, docker,gvisor":  "gvisor docker",
		"nowhere":                "",
		"docker,":                "",
		"docker-user,qemu-arm64": "docker-user qemu-arm64",
	} {
		o, err := parseOptions([]string{"-environments", list, "-cache", "x"}, io.Discard)
		var names []string
		for _, e := range o.environments {
			names = append(names, e.name)
		}
		if got := strings.Join(names, " "); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v, want %q", list, got, err, want)
		}
	}
	if o, err := parseOptions([]string{"-cache", "x"}, io.Discard); err != nil || len(o.environments) != len(environments) {
		t.Errorf("without the flag: %d environments, %v", len(o.environments), err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, args := range [][]string{
		{"-missing", "perhaps"}, {"-timeout", "0s"}, {"-environments", ""}, {"-unknown"},
	} {
		if _, err := parseOptions(append(args, "-cache", "x"), io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
