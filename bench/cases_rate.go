package main

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/wardproc/ward"
)

// rateCase is the plainest of all: short children, one after another in each of
// a number of goroutines.
func rateCase() *benchCase {
	return &benchCase{
		name:      "rate",
		about:     "start+wait per second, -at so many at a time",
		title:     "start+wait of short children (C: one thread, always one at a time)",
		libraries: withPeer,
		sizes:     func(o options, _ programs) ([]int, []string) { return o.At, nil },
		measure: func(lib library, c cell) (samples, error) {
			r, err := newRunner(lib, c.Programs.Exit)
			if err != nil {
				return nil, err
			}
			rate, err := r.rate(c.Size, c.Time)
			return samples{"rate": {rate}}, err
		},
		peer: func(c cell) []string {
			return []string{"rate", c.Programs.Exit.Path, strconv.FormatInt(int64(c.Time), 10)}
		},
		metrics: []metric{
			{name: "rate", label: "%n at a time", unit: unitRate, higher: true},
		},
	}
}

// onceCase is rateCase for who has nothing to do between the start and the exit.
func onceCase() *benchCase {
	return &benchCase{
		name:      "once",
		about:     "ward.Run per second, -at so many at a time",
		title:     "start to exit in one call (ward.Run, os/exec's Run; C parts, C vfork: as many threads)",
		libraries: allLibraries,
		sizes:     func(o options, _ programs) ([]int, []string) { return o.At, nil },
		measure: func(lib library, c cell) (samples, error) {
			null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				return nil, err
			}
			defer null.Close()
			files := []*os.File{null, null, null}
			rate, err := rate(func() error { return runOnce(lib, c.Programs.Exit, files) }, c.Size, c.Time)
			return samples{"rate": {rate}}, err
		},
		peer: func(c cell) []string {
			words := map[string]string{peerName: "rate", partsName: "parts", vforkName: "vfork"}
			args := []string{words[c.Library], c.Programs.Exit.Path, strconv.FormatInt(int64(c.Time), 10)}
			if c.Library != peerName {
				args = append(args, strconv.Itoa(c.Size))
			}
			return args
		},
		metrics: []metric{
			{name: "rate", label: "%n at a time", unit: unitRate, higher: true},
		},
	}
}

func runOnce(lib library, p program, files []*os.File) error {
	if lib == libraries[wardName] {
		state, err := ward.Run(context.Background(), p.Path, []string{p.Path}, &ward.Attr{Env: p.Env, Files: files})
		if err == nil && !state.Success() {
			err = fmt.Errorf("the child ended with %v", state)
		}
		return err
	}
	c, err := lib.start(p, []string{p.Path}, files)
	if err != nil {
		return err
	}
	code, err := lib.wait(c)
	if err == nil && code != 0 {
		err = fmt.Errorf("the child ended with %d", code)
	}
	return err
}
