package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	const want = `go1.26 linux/amd64, Linux 6.18, 2 CPUs, load 1.00 0.50 0.25, 50% busy
warning: the machine is not quiet: do not trust these figures
ward: backend=pidfd
children: small
medians of up to 3 interleaved rounds, each figure from a process of its own; 12 s in all

                                               os/exec      ward        C  vs os/exec   vs C  rounds
start+wait of short children (C: one thread, always one at a time)
  8 at a time                                  5,000/s  11,000/s  8,000/s       2.20x  1.38x       3
no live children, a goroutine in Wait for each
  start+wait of one more                        200 µs    200 µs        -       1.00x      -       1
8,000 live children, a goroutine in Wait for each
  start+wait of one more                             -    250 µs        -           -      -       1
  threads of the parent                              -         5        -           -      -       1
  RSS of the parent                                  -  30.0 MiB        -           -      -       1
5,000 children beside a wait4(-1) thief, 64 at a time
  right status                                   4,000     5,000        -           -      -       1
  lost status (an error)                         1,000         0        -           -      -       1
  wrong status                                       0         0        -           -      -       1

growth of the cost, 1 is flat
  start+wait of one more, 8,000 live : 0 live        -     1.25x        -

note: live 8,000, os/exec failed: thread exhaustion
`
	var b strings.Builder
	if err := sampleReport().writeTable(&b); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != want {
		t.Errorf("table is\n%s\nwant\n%s", got, want)
	}
}

func TestTableHasNoColumnForALibraryWithoutRuns(t *testing.T) {
	r := sampleReport()
	for _, row := range r.Rows {
		delete(row.Values, peerName)
	}
	var b strings.Builder
	if err := r.writeTable(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "vs C") {
		t.Errorf("table has a column for C:\n%s", b.String())
	}
}

func TestQuietMachineHasNoWarning(t *testing.T) {
	r := sampleReport()
	r.Machine.Busy = 0.01
	var b strings.Builder
	if err := r.writeTable(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "warning") {
		t.Errorf("table warns:\n%s", b.String())
	}
}

func TestFormat(t *testing.T) {
	tests := []struct {
		u    unit
		x    float64
		want string
	}{
		{unitRate, 4911.6, "4,912/s"},
		{unitTime, 850, "850 ns"},
		{unitTime, 9_996, "10.0 µs"},
		{unitTime, 602_400, "602 µs"},
		{unitTime, 4_100_000_000, "4.10 s"},
		{unitTime, 5_000_000_000_000, "5,000 s"},
		{unitBytes, 800, "800 B"},
		{unitBytes, 1536, "1.50 KiB"},
		{unitBytes, 160 << 20, "160 MiB"},
		{unitCount, 8003, "8,003"},
		{unitCount, 0, "0"},
		{unitCount, 23.09, "23.1"},
		{unitCount, 3740.5, "3,741"},
	}
	for _, test := range tests {
		if got := format(test.u, test.x); got != test.want {
			t.Errorf("format(%s, %v) = %q, want %q", test.u, test.x, got, test.want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1002003: "1,002,003", -4096: "-4,096"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}
