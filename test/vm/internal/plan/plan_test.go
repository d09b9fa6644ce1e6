package plan

import (
	"bytes"
	"reflect"
	"testing"
)

func TestRecordSurvivesUnfinishedLineBeforeIt(t *testing.T) {
	want := Record{Event: Exit, Run: 1, Code: 137, Seconds: 2.5, Left: []string{"sleep"}}
	console := bytes.NewBufferString("no line break")
	if err := want.Write(console); err != nil {
		t.Fatal(err)
	}

	var got []Record
	for line := range bytes.Lines(console.Bytes()) {
		if r, ok := ParseRecord(line); ok {
			got = append(got, r)
		}
	}
	if !reflect.DeepEqual(got, []Record{want}) {
		t.Errorf("got %+v, want one %+v", got, want)
	}
}

func TestOtherOutputIsNoRecord(t *testing.T) {
	for _, line := range []string{
		"",
		"--- PASS: TestWait (0.01s)",
		`{"Event":"exit","Code":0}`,
		" @@ward-vm {}",
		"@@ward-vm {\"Event\":\"ex",
	} {
		if r, ok := ParseRecord([]byte(line)); ok {
			t.Errorf("%q was read as %+v", line, r)
		}
	}
}
