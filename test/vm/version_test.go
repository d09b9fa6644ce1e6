package main

import "testing"

func TestNewestPackage(t *testing.T) {
	packages := []debPackage{
		{"linux-image-5.10.0-30-cloud-amd64", "5.10.218-1"},
		{"linux-image-5.10.0-32-cloud-amd64", "5.10.223-1"},
		{"linux-image-6.1.0-50-cloud-amd64", "6.1.176-1"},
		{"linux-image-6.12.94+deb13-cloud-amd64", "6.12.94-1"},
		{"linux-image-6.12.107+deb13-cloud-amd64", "6.12.107-1"},
		{"linux-image-7.1.8+deb13-cloud-amd64", "7.1.8-1~bpo13+1"},
		{"linux-image-7.1.13+deb13-cloud-amd64", "7.1.13-1~bpo13+1"},
		{"linux-binary-7.1.13+deb13-cloud-amd64", "7.1.13-1~bpo13+1"},
		{"linux-image-7.2-cloud-amd64", "7.2-1~exp1"},
	}
	for series, want := range map[string]string{
		"5.10":   "linux-image-5.10.0-32-cloud-amd64",
		"6.1":    "linux-image-6.1.0-50-cloud-amd64",
		"6.12":   "linux-image-6.12.107+deb13-cloud-amd64",
		"7.1":    "linux-binary-7.1.13+deb13-cloud-amd64",
		"7.1.8":  "linux-image-7.1.8+deb13-cloud-amd64",
		"7.2":    "linux-image-7.2-cloud-amd64",
		newest:   "linux-image-7.2-cloud-amd64",
		"6.18":   "",
		"7":      "linux-image-7.2-cloud-amd64",
		"6.12.1": "",
	} {
		if got, ok := newestPackage(packages, series); got.name != want || ok != (want != "") {
			t.Errorf("%s: got %q, want %q", series, got.name, want)
		}
	}
}
