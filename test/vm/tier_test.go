package main

import "testing"

func TestCheckTier(t *testing.T) {
	for _, c := range []struct {
		release, tier string
		ok            bool
	}{
		{"5.10.0-32-cloud-amd64", "detectable", true},
		{"6.12.107+deb13-cloud-amd64", "detectable", true},
		{"6.12.107+deb13-cloud-amd64", "recoverable", false},
		{"6.15.2", "recoverable", true},
		{"6.18.15+deb13-cloud-amd64", "detectable", false},
		{"7.0.13", "private", false},
		{"7.1.13", "private", true},
		{"7.1.13", "recoverable", true},
		{"7.3.4", "detectable", false},
		{"7.3.4", "", true},
		{"", "detectable", false},
	} {
		if err := checkTier(c.release, c.tier); (err == nil) != c.ok {
			t.Errorf("%q on %q: %v", c.tier, c.release, err)
		}
	}
}
