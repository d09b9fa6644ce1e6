package main

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePackages(t *testing.T) {
	const stanzas = `Package: linux-image-6.1.0-50-cloud-amd64
Source: linux-signed-amd64 (6.1.176+1)
Version: 6.1.176-1
Installed-Size: 83
Description-en: Linux 6.1 for x86-64 cloud
 Package: not a field, but the text of one
 Version: neither

Package: linux-binary-7.3.4+deb13-cloud-amd64
Version: 7.3.4-1~bpo13+1

`
	want := []debPackage{
		{"linux-image-6.1.0-50-cloud-amd64", "6.1.176-1"},
		{"linux-binary-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"},
	}
	if got := parsePackages([]byte(stanzas)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAptConfTakesOnlyNetworkFromMachine(t *testing.T) {
	const machine = `APT::Update::Post-Invoke:: "rm -rf /";
Acquire::http::Proxy "http://proxy.example:3128";
Dir::State "var/lib/apt";
`
	conf := aptConf("/cache/apt", "arm64", []byte(machine))
	for _, want := range []string{
		`Acquire::http::Proxy "http://proxy.example:3128";`,
		`APT::Architecture "arm64";`,
		`Dir::State "/cache/apt";`,
		`Dir::Etc::sourcelist "/cache/apt/sources.list";`,
	} {
		if !strings.Contains(conf, want+"\n") {
			t.Errorf("no %s in\n%s", want, conf)
		}
	}
	for _, shut := range []string{"Post-Invoke", "var/lib/apt"} {
		if strings.Contains(conf, shut) {
			t.Errorf("%s in\n%s", shut, conf)
		}
	}
}

func TestSourcesList(t *testing.T) {
	got := sourcesList(mirror{"http://mirror.example/debian/", "/keys.gpg"}, []string{"bookworm", "trixie"}) +
		sourcesList(mirror{uri: "http://mirror.example/debian/"}, []string{"sid"})
	const want = `deb [target=Packages signed-by=/keys.gpg] http://mirror.example/debian/ bookworm main
deb [target=Packages signed-by=/keys.gpg] http://mirror.example/debian/ trixie main
deb [target=Packages] http://mirror.example/debian/ sid main
`
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}
