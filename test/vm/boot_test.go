package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

// fakeQEMU, in the environment, makes this binary behave as a QEMU whose guest
// does what the value says.
const fakeQEMU = "WARD_VM_FAKE_QEMU"

func TestMain(m *testing.M) {
	if guest := os.Getenv(fakeQEMU); guest != "" {
		guests[guest]()
		return
	}
	os.Exit(m.Run())
}

var guests = map[string]func(){
	"good": func() {
		say(plan.Record{Event: plan.Boot, Kernel: "6.18.15+deb13-cloud-amd64"})
		say(plan.Record{Event: plan.Start})
		os.Stdout.Write(binaryOutput("ward: backend=pidfd tier=recoverable\n" + onePass))
		say(plan.Record{Event: plan.Exit, Seconds: 1.5})
		say(plan.Record{Event: plan.End})
	},
	"panic": func() {
		say(plan.Record{Event: plan.Boot, Kernel: "6.18.15+deb13-cloud-amd64"})
		say(plan.Record{Event: plan.Start})
		fmt.Println("Kernel panic - not syncing")
	},
	"dead": func() {},
	"hang": func() {
		say(plan.Record{Event: plan.Boot, Kernel: "6.18.15+deb13-cloud-amd64"})
		time.Sleep(time.Minute)
	},
	"lame init": func() { say(plan.Record{Event: plan.End, Error: "mount proc"}) },
	"no QEMU":   func() { fmt.Println("qemu: no such machine"); os.Exit(1) },
}

func say(r plan.Record) { r.Write(os.Stdout) }

// bootFake boots a kernel in a QEMU whose guest does as its name says.
func bootFake(t *testing.T, guest string, limit time.Duration) boot {
	t.Helper()
	t.Setenv(fakeQEMU, guest)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := matrix{
		options:  options{timeout: limit, pid1: "none"},
		machine:  machine{program: self},
		payload:  payload{init: self, tests: []testBinary{{suite: ".", path: self}}},
		work:     t.TempDir(),
		logs:     t.TempDir(),
		progress: t.Output(),
	}
	return m.boot(context.Background(), kernel{series: "6.18", version: "6.18.15-1"})
}

func TestBootReadsResults(t *testing.T) {
	b := bootFake(t, "good", time.Minute)
	if b.err != nil || len(b.runs) != 1 || !b.runs[0].ok() {
		t.Fatalf("got %v, %+v", b.err, b.runs)
	}
	if r := b.runs[0]; r.count("pass") != 1 || r.seconds != 1.5 || r.fact("tier") != "recoverable" {
		t.Errorf("got %+v", r)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(b.log), "6.18.log")); err != nil {
		t.Error(err)
	}
}

func TestBootThatDoesNotEndWellIsFailure(t *testing.T) {
	for _, c := range []struct {
		guest string
		limit time.Duration
		want  string
	}{
		{"panic", time.Minute, "the machine died"},
		{"dead", time.Minute, "the init did not come up"},
		{"hang", time.Second, "not done after 1s"},
		{"lame init", time.Minute, "mount proc"},
		{"no QEMU", time.Minute, "exit status 1"},
	} {
		t.Run(c.guest, func(t *testing.T) {
			b := bootFake(t, c.guest, c.limit)
			if b.err == nil || !strings.Contains(b.err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", b.err, c.want)
			}
			r := report{boots: []boot{b}}
			if r.ok() {
				t.Error("the report is good")
			}
		})
	}
}

func TestPID1RunsAreOnTheKernelsAskedFor(t *testing.T) {
	for mode, want := range map[string][]int{"newest": {2, 4}, "all": {4, 4}, "none": {2, 2}} {
		m := matrix{
			options: options{pid1: mode, timeout: time.Minute},
			payload: payload{tests: make([]testBinary, 2)},
		}
		for i, k := range []kernel{{}, {newest: true}} {
			if got := len(m.plan(k)); got != want[i] {
				t.Errorf("-pid1 %s, newest %v: %d runs, want %d", mode, k.newest, got, want[i])
			}
		}
	}
}

func TestRunsAsPID1LeaveOutWhatWouldBeNone(t *testing.T) {
	m := matrix{
		options: options{pid1: "all", neverPID1: []string{"./helpers"}, timeout: time.Minute},
		payload: payload{tests: []testBinary{{suite: "."}, {suite: "./helpers"}}},
	}
	const skip = "-test.skip=^TestVariants$"
	var got []string
	for _, r := range m.plan(kernel{}) {
		got = append(got, fmt.Sprint(r.Suite, " ", r.Mode, " ", slices.Contains(r.Args, skip)))
	}
	want := []string{". child false", "./helpers child false", ". pid1 true"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHangingTestIsStoppedBeforeTheMachine(t *testing.T) {
	for limit, want := range map[time.Duration]string{10 * time.Minute: "9m30s", 20 * time.Second: "10s"} {
		m := matrix{options: options{timeout: limit}}
		if flags := m.testFlags(); flags[1] != "-test.timeout="+want {
			t.Errorf("limit %v: %q, want %s", limit, flags, want)
		}
	}
}
