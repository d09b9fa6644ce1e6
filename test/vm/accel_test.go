package main

import "testing"

func TestVirtualizationNeedsProcessorFlag(t *testing.T) {
	for info, want := range map[string]bool{
		"processor\t: 0\nflags\t\t: fpu vme vmx sse\n": true,
		"flags\t\t: fpu svm\n":                         true,
		"flags\t\t: fpu vmxnet svm_lock\n":             false,
		"model name\t: vmx\nflags\t\t: fpu\n":          false,
		"vmx flags\t: vnmi\nflags\t\t: fpu\n":          false,
	} {
		if got := hasVirtualization([]byte(info)); got != want {
			t.Errorf("%q: got %v", info, got)
		}
	}
}
