package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// A profile is a file with a seccomp profile in the form that Docker's have.
type profile struct {
	module goModule
	file   string
}

var (
	dockerProfile = &profile{
		goModule{"github.com/moby/profiles/seccomp", "v0.3.0"},
		"default.json",
	}
	docker2010Profile = &profile{
		goModule{"github.com/docker/docker", "v20.10.9+incompatible"},
		"profiles/seccomp/default.json",
	}
	// The last one of 19.03, v19.03.13, whose tag is no version to Go.
	docker1903Profile = &profile{
		goModule{"github.com/docker/docker", "v17.12.0-ce-rc1.0.20200916142827-bd33bbf0497b+incompatible"},
		"profiles/seccomp/default.json",
	}
	podmanProfile = &profile{
		goModule{"github.com/containers/common", "v0.64.2"},
		"pkg/seccomp/seccomp.json",
	}
)

// profileFile is what such a file says.
type profileFile struct {
	DefaultAction   string
	DefaultErrnoRet *int
	ArchMap         []struct {
		Architecture     string
		SubArchitectures []string
	}
	Syscalls []struct {
		rule
		Name               string
		Includes, Excludes condition
	}
}

// A rule is one of a profile and of a filter of an OCI bundle.
type rule struct {
	Names    []string          `json:"names"`
	Action   string            `json:"action"`
	ErrnoRet *int              `json:"errnoRet,omitempty"`
	Args     []json.RawMessage `json:"args,omitempty"`
}

// A condition says when a rule holds, or when it does not.
type condition struct {
	Caps, Arches []string
	MinKernel    string
}

// A filter is "seccomp" of the configuration of an OCI bundle.
type filter struct {
	DefaultAction   string   `json:"defaultAction"`
	DefaultErrnoRet *int     `json:"defaultErrnoRet,omitempty"`
	Architectures   []string `json:"architectures"`
	Syscalls        []rule   `json:"syscalls"`
}

// A place is what the conditions of a profile ask for.
type place struct {
	arch         string // as GOARCH
	kernel       string // as uname -r
	capabilities []string
}

// filter reads the profile and returns what it comes to in a place.
func (p *profile) filter(ctx context.Context, at place) (*filter, error) {
	dir, err := p.module.folder(ctx)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, p.file))
	if err != nil {
		return nil, err
	}
	f, err := parseProfile(text, at)
	if err != nil {
		return nil, fmt.Errorf("%s of %v: %w", p.file, p.module, err)
	}
	return f, nil
}

// nativeArch is what profiles call an architecture.
var nativeArch = map[string]string{"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64"}

func parseProfile(text []byte, at place) (*filter, error) {
	var file profileFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	f := &filter{DefaultAction: file.DefaultAction, DefaultErrnoRet: file.DefaultErrnoRet}
	for _, a := range file.ArchMap {
		if a.Architecture == nativeArch[at.arch] {
			f.Architectures = append([]string{a.Architecture}, a.SubArchitectures...)
		}
	}
	if f.Architectures == nil {
		return nil, fmt.Errorf("it is not for %s", at.arch)
	}
	for _, s := range file.Syscalls {
		if !s.Includes.all(at) || s.Excludes.any(at) {
			continue
		}
		if s.Name != "" {
			s.Names = append(s.Names, s.Name)
		}
		f.Syscalls = append(f.Syscalls, s.rule)
	}
	return f, nil
}

// all tells whether a place has all that the condition names.
func (c condition) all(at place) bool {
	for _, name := range c.Caps {
		if !slices.Contains(at.capabilities, name) {
			return false
		}
	}
	return (len(c.Arches) == 0 || slices.Contains(c.Arches, at.arch)) &&
		(c.MinKernel == "" || !older(at.kernel, c.MinKernel))
}

// any tells whether a place has one of them.
func (c condition) any(at place) bool {
	for _, name := range c.Caps {
		if slices.Contains(at.capabilities, name) {
			return true
		}
	}
	return slices.Contains(c.Arches, at.arch) || c.MinKernel != "" && !older(at.kernel, c.MinKernel)
}

// older compares the first two numbers of kernel releases.
func older(release, than string) bool {
	var a, b [2]int
	fmt.Sscanf(release, "%d.%d", &a[0], &a[1])
	fmt.Sscanf(than, "%d.%d", &b[0], &b[1])
	return slices.Compare(a[:], b[:]) < 0
}
