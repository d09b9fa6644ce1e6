package main

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func selfBench(t *testing.T) *bench {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &bench{self: self}
}

// tinySizes are a size for each case that takes a moment.
var tinySizes = map[string]int{
	"rate": 2, "once": 2, "private": 2, "run": 2, "output": 2, "print": 2, "latency": 3, "allocs": 10, "files": 100, "heap": 16,
	"thief": 80, "live": 5, "privatelive": 5, "set": 5, "reaper": 5,
}

func TestEachCaseMeasuresEachLibrary(t *testing.T) {
	dir := t.TempDir()
	p, err := preparePrograms(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, bc := range allCases() {
		for _, lib := range bc.libraries {
			if isPeer(lib) {
				continue
			}
			t.Run(bc.name+"/"+lib, func(t *testing.T) {
				if bc.name == "thief" && !canSteal {
					t.Skip("no thief on a system without wait4")
				}
				c := cell{Case: bc.name, Size: tinySizes[bc.name], Library: lib, Time: 20 * time.Millisecond, Programs: p, Dir: dir}
				result, err := selfBench(t).measure(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				checkSamples(t, bc, c.Size, result)
			})
		}
	}
}

// checkSamples fails unless each metric has a plausible sample.
func checkSamples(t *testing.T, bc *benchCase, size int, result samples) {
	t.Helper()
	if bc.name == "thief" {
		right, lost, wrong := result["right"][0], result["lost"][0], result["wrong"][0]
		if int(right+lost+wrong) != size || wrong > 0 {
			t.Errorf("%v right, %v lost and %v wrong of %d", right, lost, wrong, size)
		}
		return
	}
	for _, m := range bc.metrics {
		xs := result[m.name]
		switch _, known := readUsage(); {
		case m.name == "growth": // a few children may fit into memory that is there
		case !known && (m.name == "threads" || m.name == "rss"):
		case len(xs) == 0 || quantile(xs, 0) <= 0:
			t.Errorf("samples of %s are %v", m.name, xs)
		}
	}
}

func TestLatencyCountsFromTheStampsInTheFile(t *testing.T) {
	path := t.TempDir() + "/stamps"
	b := append(stamp{Sec: 5, Nsec: 100}.bytes(), stamp{Sec: 6, Nsec: 900}.bytes()...)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := latenciesSince(path, []stamp{{5, 350}, {6, 1000}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != 250 || got[1] != 100 {
		t.Errorf("latencies are %v, want [250 100]", got)
	}
	if _, err := latenciesSince(path, []stamp{{5, 350}}); err == nil {
		t.Error("a stamp too many is no error")
	}
}

func TestWorkerThatFailsSaysWhy(t *testing.T) {
	_, err := selfBench(t).measure(t.Context(), cell{Case: "nothing", Library: wardName})
	if err == nil || !strings.Contains(err.Error(), "no such case") {
		t.Errorf("error is %v, want the worker's words", err)
	}
}

func TestChildThatFailsIsAnError(t *testing.T) {
	p, err := preparePrograms(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, lib := range libraries {
		r, err := newRunner(lib, p.Exit)
		if err != nil {
			t.Fatal(err)
		}
		r.argv = p.Exit.argv(3)
		if err := r.run(); err == nil || !strings.Contains(err.Error(), "3") {
			t.Errorf("%s: error is %v for a child that exits with 3", name, err)
		}
		if _, err := r.rate(2, 100*time.Millisecond); err == nil {
			t.Errorf("%s: rate of children that fail is no error", name)
		}
		closeAll(t, r.files)
	}
}

func TestUsageSeesMemory(t *testing.T) {
	before, known := readUsage()
	if !known {
		t.Skip("the memory in use is read from /proc, which only Linux has")
	}
	block := make([]byte, 64<<20)
	touch(block)
	after, _ := readUsage()
	// The race detector has as much again for itself, and more.
	if grown := after.rss - before.rss; grown < 60<<20 || grown > 512<<20 {
		t.Errorf("RSS grew by %v bytes with 64 MiB", grown)
	}
	if after.threads < 1 {
		t.Errorf("%v threads", after.threads)
	}
	runtime.KeepAlive(block)
}
