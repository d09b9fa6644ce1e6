// Package plan is the agreement between the runner, which boots a virtual
// machine, and the init inside it: what to run, and the records that the init
// writes among the output of the tests.
package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Path is where the init finds the [Plan], as JSON.
const Path = "/plan.json"

// A Plan is all that one boot is for.
type Plan struct {
	Runs []Run
}

// A Run is one execution of a test binary.
type Run struct {
	Suite  string   // the package, as the user named it
	Binary string   // absolute path inside the virtual machine
	Args   []string // without the program name
	Mode   Mode
}

// Mode says where in the process tree a test binary runs.
type Mode string

const (
	Child Mode = "child" // a child of the machine's PID 1
	PID1  Mode = "pid1"  // PID 1 of a pid namespace with its own /proc
)

// Event says what a [Record] reports.
type Event string

const (
	Boot  Event = "boot"  // the init is up; Kernel is set
	Start Event = "start" // output of Run follows
	Exit  Event = "exit"  // Run is over; Code, Seconds and Left are set
	End   Event = "end"   // the machine is about to reset
)

// A Record is one thing the init has to say. Error is set on an Exit whose
// binary could not be started and on an End that came early.
type Record struct {
	Event   Event
	Kernel  string   `json:",omitempty"`
	Run     int      // index into Plan.Runs
	Code    int      // exit code, 128 + n for death by signal n
	Seconds float64  `json:",omitempty"`
	Left    []string `json:",omitempty"` // processes that outlived the test binary
	Error   string   `json:",omitempty"`
}

// No Go test prints a line that begins like this.
const prefix = "@@ward-vm "

// Write puts the record on a line of its own. It starts with a line break
// because the output before it may not have ended with one.
func (r Record) Write(w io.Writer) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s%s\n", prefix, b)
	return err
}

// ParseRecord reads a line of the console and says whether it was a record.
func ParseRecord(line []byte) (Record, bool) {
	b, ok := bytes.CutPrefix(line, []byte(prefix))
	if !ok {
		return Record{}, false
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return Record{}, false
	}
	return r, true
}
