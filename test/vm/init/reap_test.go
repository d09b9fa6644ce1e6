//go:build linux

package main

import "testing"

func TestUserProcess(t *testing.T) {
	for _, c := range []struct {
		stat, name string
		ok         bool
	}{
		{"71 (ward.test) S 1 71 71 0 -1 4194304 105 0 0 0", "ward.test", true},
		{"72 (a) b (c) Z 1 71 71 0 -1 4194308 105 0 0 0", "a) b (c", true},
		{"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0", "kthreadd", false},
		{"73 (short) S 1", "", false},
		{"", "", false},
	} {
		name, ok := userProcess(c.stat)
		if ok != c.ok || ok && name != c.name {
			t.Errorf("%q: got %q, %v, want %q, %v", c.stat, name, ok, c.name, c.ok)
		}
	}
}
