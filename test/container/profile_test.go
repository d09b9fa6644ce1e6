package main

import (
	"reflect"
	"testing"
)

const profileText = `{
	"defaultAction": "SCMP_ACT_ERRNO",
	"defaultErrnoRet": 1,
	"archMap": [
		{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
		{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}
	],
	"syscalls": [
		{"names": ["always"], "action": "SCMP_ACT_ALLOW", "includes": {}, "excludes": {}},
		{"name": "old", "action": "SCMP_ACT_ALLOW"},
		{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
		{"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
		{"names": ["reboot"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_A", "CAP_B"]}},
		{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "excludes": {"caps": ["CAP_A"]}}
	]
}`

func TestProfileHoldsWhereItsConditionsDo(t *testing.T) {
	for _, c := range []struct {
		at   place
		want []string
	}{
		{place{"amd64", "6.1.0", nil}, []string{"always", "old", "ptrace", "arch_prctl", "clone3"}},
		{place{"amd64", "4.7.9", nil}, []string{"always", "old", "arch_prctl", "clone3"}},
		{place{"arm64", "4.19", []string{"CAP_B"}}, []string{"always", "old", "ptrace", "clone3"}},
		{place{"arm64", "10.0", []string{"CAP_B", "CAP_A"}}, []string{"always", "old", "ptrace", "reboot"}},
	} {
		f, err := parseProfile([]byte(profileText), c.at)
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, r := range f.Syscalls {
			got = append(got, r.Names...)
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %v, want %v", c.at, got, c.want)
		}
		if last := f.Syscalls[len(f.Syscalls)-1]; last.Names[0] == "clone3" && *last.ErrnoRet != 38 {
			t.Errorf("clone3 gives %d, want 38", *last.ErrnoRet)
		}
	}
	if _, err := parseProfile([]byte(profileText), place{arch: "s390x"}); err == nil {
		t.Error("the profile has nothing for s390x, and that is no error")
	}
}
