package main

import (
	"fmt"
	"os"
	"time"
)

// A progress shows one line on a terminal, over and over.
type progress struct {
	terminal *os.File // nil when there is none
	begin    time.Time
}

// newProgress shows nothing where f is a file or a pipe: a log has no use for
// it. A character device that is no terminal, such as /dev/null, does no harm.
func newProgress(f *os.File) *progress {
	p := &progress{begin: time.Now()}
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		p.terminal = f
	}
	return p
}

const clearLine = "\r\x1b[K"

func (p *progress) show(step string) {
	if p.terminal != nil {
		fmt.Fprintf(p.terminal, "%s%3.0f s  %s", clearLine, time.Since(p.begin).Seconds(), step)
	}
}

func (p *progress) clear() {
	if p.terminal != nil {
		fmt.Fprint(p.terminal, clearLine)
	}
}
