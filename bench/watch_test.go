package main

import (
	"os"
	"testing"

	"github.com/wardproc/ward"
)

// Each watcher is to return when all children are gone, and to notice the one
// that failed.
func TestWatchersWaitForAllChildren(t *testing.T) {
	p, err := preparePrograms(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lib := wardLibrary{}
	for name, newWatcher := range map[string]func() watcher{
		"goroutines": func() watcher { return &goroutines{lib: lib} },
		"set":        func() watcher { return &set{} },
	} {
		t.Run(name, func(t *testing.T) {
			naps, err := newRunner(lib, p.Nap)
			if err != nil {
				t.Fatal(err)
			}
			w := newWatcher()
			var children []child
			for range 10 {
				c, err := naps.start()
				if err != nil {
					t.Fatal(err)
				}
				children = append(children, c)
				w.watch(c)
			}
			if err := w.wait(); err != nil {
				t.Error(err)
			}
			for i, c := range children {
				if !isDone(c) {
					t.Errorf("child %d still runs", i)
				}
			}
			failing, err := lib.start(p.Exit, p.Exit.argv(3), naps.files)
			if err != nil {
				t.Fatal(err)
			}
			w = newWatcher()
			w.watch(failing)
			if err := w.wait(); err == nil {
				t.Error("a child that exited with 3 is no error")
			}
			closeAll(t, naps.files)
		})
	}
}

func isDone(c child) bool {
	select {
	case <-c.(ward.Handle).Done():
		return true
	default:
		return false
	}
}

func closeAll(t *testing.T, files []*os.File) {
	t.Helper()
	for _, f := range files {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
