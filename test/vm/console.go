package main

import (
	"bytes"

	"github.com/wardproc/ward/test/vm/internal/plan"
)

// A console is the output of a virtual machine, taken apart.
type console struct {
	text     []byte
	release  string // of the kernel
	ended    bool
	endError string
	sections map[int]*section // by index of the run
}

// A section is the output of one run.
type section struct {
	output []byte
	exit   *plan.Record // nil if the run did not end
}

// parseConsole splits the output at the records of the init. The serial line
// ends lines in \r\n.
func parseConsole(log []byte) console {
	c := console{
		text:     bytes.ReplaceAll(log, []byte("\r\n"), []byte("\n")),
		sections: make(map[int]*section),
	}
	var current *section
	for line := range bytes.Lines(c.text) {
		r, ok := plan.ParseRecord(line)
		if !ok {
			if current != nil {
				current.output = append(current.output, line...)
			}
			continue
		}
		switch r.Event {
		case plan.Boot:
			c.release = r.Kernel
		case plan.Start:
			current = &section{}
			c.sections[r.Run] = current
		case plan.Exit:
			if current != nil {
				current.exit = &r
			}
			current = nil
		case plan.End:
			c.ended, c.endError = true, r.Error
			current = nil
		}
	}
	return c
}
