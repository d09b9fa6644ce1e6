package main

import (
	"os/exec"
	"reflect"
	"testing"
	"time"
)

func TestPeerOutput(t *testing.T) {
	got, err := parsePeer("start 1250.5\nchurn 1 2 3\nreap 99\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := (samples{"start": {1250.5}, "churn": {1, 2, 3}, "reap": {99}}); !reflect.DeepEqual(got, want) {
		t.Errorf("samples are %v, want %v", got, want)
	}
	for _, out := range []string{"", "\n", "rate fast\n"} {
		if _, err := parsePeer(out); err == nil {
			t.Errorf("output %q is taken", out)
		}
	}
}

func TestPeerMeasures(t *testing.T) {
	dir := t.TempDir()
	p, err := preparePrograms(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("cc"); err != nil || !p.Small {
		t.Skip("no C compiler, or no ELF children (linux/amd64 and arm64 only)")
	}
	b := &bench{}
	if b.peer, err = buildPeer(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, library string
		metrics       []string
	}{
		{"rate", peerName, []string{"rate"}},
		{"once", partsName, []string{"rate"}},
		{"once", vforkName, []string{"rate"}},
		{"live", peerName, []string{"start", "churn", "reap"}},
	} {
		c := cell{Case: test.name, Size: 4, Library: test.library, Time: 20 * time.Millisecond, Programs: p}
		got, err := b.measure(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range test.metrics {
			if len(got[metric]) == 0 || got[metric][0] <= 0 {
				t.Errorf("%s of %s: samples of %s are %v", test.name, test.library, metric, got[metric])
			}
		}
	}
}

func TestMissingCompilerIsAnError(t *testing.T) {
	t.Setenv("CC", "no-such-compiler")
	if _, err := buildPeer(t.Context(), t.TempDir()); err == nil {
		t.Error("built without a compiler")
	}
}

func TestCompilerThatFailsSaysWhy(t *testing.T) {
	t.Setenv("CC", "false")
	if _, err := exec.LookPath("false"); err != nil {
		t.Skipf("no compiler that fails: %v", err)
	}
	if _, err := buildPeer(t.Context(), t.TempDir()); err == nil {
		t.Error("built with a compiler that fails")
	}
}
