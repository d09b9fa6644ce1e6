package main

import (
	"reflect"
	"testing"
	"time"
)

func TestFlags(t *testing.T) {
	tests := []struct {
		args []string
		got  func(options) any
		want any
	}{
		{nil, func(o options) any { return len(o.Cases) }, len(allCases())},
		{nil, func(o options) any { return o.Budget > 0 && o.Budget < time.Minute }, true},
		{[]string{"-cases", "rate, live"}, func(o options) any { return o.Cases }, []string{"rate", "live"}},
		{[]string{"-live", "1,20"}, func(o options) any { return o.Live }, []int{1, 20}},
		{[]string{"-at", "3"}, func(o options) any { return o.At }, []int{3}},
		{[]string{"-libraries", "ward,C"}, func(o options) any { return o.Libraries }, []string{"ward", "C"}},
		{[]string{"-rounds", "7"}, func(o options) any { return o.Rounds }, 7},
		{[]string{"-rounds", "7"}, func(o options) any { return o.Budget }, time.Duration(0)},
		{[]string{"-rounds", "7", "-budget", "9s"}, func(o options) any { return o.Budget }, 9 * time.Second},
		{[]string{"-json"}, func(o options) any { return o.JSON }, true},
	}
	for _, test := range tests {
		o, err := parseOptions(test.args, t.Output())
		if err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		if got := test.got(o); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: got %v, want %v", test.args, got, test.want)
		}
	}
}

func TestFlagsRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-cases", "nothing"}, {"-cases", ""}, {"-libraries", "rust"}, {"-live", "0"}, {"-live", "10,x"},
		{"-rounds", "0"}, {"-time", "0s"}, {"-budget", "-1s"}, {"rate"}, {"-no-such-flag"},
	} {
		if _, err := parseOptions(args, t.Output()); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

func TestOneListDoesNotChangeTheDefaults(t *testing.T) {
	if _, err := parseOptions([]string{"-libraries", "C"}, t.Output()); err != nil {
		t.Fatal(err)
	}
	o, err := parseOptions(nil, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{osExecName, wardName, peerName, partsName, vforkName}; !reflect.DeepEqual(o.Libraries, want) {
		t.Errorf("libraries are %v, want %v", o.Libraries, want)
	}
}
