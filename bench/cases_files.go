package main

import (
	"os"
	"runtime"
)

// filesCase shows what open descriptors cost a start. A fork copies all of
// them and the exec closes them again, unless the library sees to it that the
// kernel need not.
func filesCase() *benchCase {
	return &benchCase{
		name:      "files",
		about:     "start+wait with -files other descriptors open",
		title:     "start+wait beside other open descriptors, one at a time",
		libraries: bothLibraries,
		sizes: func(o options, _ programs) ([]int, []string) {
			return capSizes("files", []int{o.Files}, descriptorLimits())
		},
		measure: measureFiles,
		metrics: []metric{
			{name: "none", label: "none", unit: unitRate, higher: true},
			{name: "many", label: "%n", unit: unitRate, higher: true},
			{name: "highest", label: "%n, the child's files the highest", unit: unitRate, higher: true},
		},
	}
}

func measureFiles(lib library, c cell) (samples, error) {
	low, err := newRunner(lib, c.Programs.Exit)
	if err != nil {
		return nil, err
	}
	none, err := low.rate(1, c.Time)
	if err != nil {
		return nil, err
	}
	others, err := openMany(c.Size)
	if err != nil {
		return nil, err
	}
	many, err := low.rate(1, c.Time)
	if err != nil {
		return nil, err
	}
	high, err := newRunner(lib, c.Programs.Exit)
	if err != nil {
		return nil, err
	}
	highest, err := high.rate(1, c.Time)
	runtime.KeepAlive(others)
	return samples{"none": {none}, "many": {many}, "highest": {highest}}, err
}

func openMany(n int) ([]*os.File, error) {
	files := make([]*os.File, n)
	for i := range files {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return nil, err
		}
		files[i] = f
	}
	return files, nil
}
