package main

import (
	"os"

	"github.com/wardproc/ward"
)

// privateCase is what Attr.Private costs: the same short children, plain and
// private, and both with Attr.Brief. WARDDEBUG=private=parent in the environment has
// parents also where the kernel could reap the children itself.
func privateCase() *benchCase {
	return &benchCase{
		name:      "private",
		about:     "start+wait per second of private children beside plain ones, -at so many at a time",
		title:     "start+wait of private children",
		libraries: []string{wardName},
		sizes: func(o options, p programs) ([]int, []string) {
			h, err := private.start(p.Exit, []string{p.Exit.Path}, make([]*os.File, 3))
			if err != nil {
				return nil, []string{"private: " + err.Error()}
			}
			<-h.(ward.Handle).Done()
			return o.At, nil
		},
		measure: measurePrivate,
		metrics: []metric{
			{name: "plain", label: "plain, %n at a time", unit: unitRate, higher: true},
			{name: "private", label: "private, %n at a time", unit: unitRate, higher: true},
			{name: "cost", label: "cost, plain = 1, %n at a time", unit: unitCount},
			{name: "brief cost", label: "the same, all with Brief, %n at a time", unit: unitCount},
		},
	}
}

func measurePrivate(_ library, c cell) (samples, error) {
	s := make(samples)
	for name, lib := range map[string]library{
		"plain":         wardLibrary{},
		"private":       private,
		"brief":         attrLibrary{attr: ward.Attr{Brief: true}},
		"brief private": attrLibrary{attr: ward.Attr{Brief: true, Private: true}},
	} {
		r, err := newRunner(lib, c.Programs.Exit)
		if err != nil {
			return nil, err
		}
		rate, err := r.rate(c.Size, c.Time/2)
		if err != nil {
			return nil, err
		}
		s[name] = []float64{rate}
	}
	s["cost"] = []float64{s["plain"][0] / s["private"][0]}
	s["brief cost"] = []float64{s["brief"][0] / s["brief private"][0]}
	return s, nil
}

// privateLiveCase is liveCase with private children: what one more costs does not depend
// on how many there are.
func privateLiveCase() *benchCase {
	bc := liveCase()
	bc.name = "privatelive"
	bc.about = "-live private children at once, a goroutine in Wait for each"
	bc.title = "%n live private children, a goroutine in Wait for each"
	bc.libraries, bc.peer = []string{wardName}, nil
	bc.measure = func(_ library, c cell) (samples, error) {
		return measureCrowd(private, &goroutines{lib: private}, c)
	}
	sizes := bc.sizes
	bc.sizes = func(o options, p programs) ([]int, []string) {
		if most, notes := privateCase().sizes(o, p); len(most) == 0 {
			return nil, notes
		}
		return sizes(o, p)
	}
	return bc
}

// private starts private children.
var private = attrLibrary{attr: ward.Attr{Private: true}}

// An attrLibrary is ward with more attributes.
type attrLibrary struct {
	wardLibrary
	attr ward.Attr
}

func (l attrLibrary) start(p program, argv []string, files []*os.File) (child, error) {
	l.attr.Env, l.attr.Files = p.Env, files
	return ward.Start(p.Path, argv, &l.attr)
}
