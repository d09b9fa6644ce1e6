package main

import (
	"strings"
	"testing"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

func TestConsoleIsSplitAtRecords(t *testing.T) {
	var b strings.Builder
	b.WriteString("firmware\n")
	for _, step := range []any{
		plan.Record{Event: plan.Boot, Kernel: "6.18.0"},
		plan.Record{Event: plan.Start, Run: 0}, "first",
		plan.Record{Event: plan.Exit, Run: 0, Code: 1, Left: []string{"x"}},
		"between\n",
		plan.Record{Event: plan.Start, Run: 1}, "second\n",
	} {
		switch s := step.(type) {
		case string:
			b.WriteString(s)
		case plan.Record:
			if err := s.Write(&b); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := parseConsole([]byte(strings.ReplaceAll(b.String(), "\n", "\r\n")))
	if c.release != "6.18.0" || c.ended {
		t.Errorf("release %q, ended %v", c.release, c.ended)
	}
	first, second := c.sections[0], c.sections[1]
	if string(first.output) != "first\n" || first.exit == nil || first.exit.Code != 1 {
		t.Errorf("first run: %q, %+v", first.output, first.exit)
	}
	if string(second.output) != "second\n" || second.exit != nil {
		t.Errorf("second run: %q, %+v", second.output, second.exit)
	}
}
