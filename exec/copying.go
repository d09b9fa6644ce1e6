package exec

import (
	"slices"
	"strings"

	"github.com/wardproc/ward/internal/lockorder"
)

// copying are the goroutines that copy a command's streams.
type copying struct {
	done chan struct{} // closed when all have ended

	mu      lockorder.Mutex[lockorder.Copying] // guards running, and err until done is closed
	running []string                           // the names of the streams
	err     error                              // the first one
}

func (c *Cmd) startCopying() {
	if len(c.streams) == 0 {
		return
	}
	c.copying = &copying{done: make(chan struct{}), err: c.drained}
	for _, s := range c.streams {
		c.copying.running = append(c.copying.running, s.name)
	}
	for _, s := range c.streams {
		s.open()
		go func() { c.copying.ended(s.name, s.copy()) }()
	}
	c.streams = nil
}

func (c *copying) ended(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	i := slices.Index(c.running, name)
	c.running = slices.Delete(c.running, i, i+1)
	if len(c.running) == 0 {
		close(c.done)
	}
}

// open names the streams that have not ended.
func (c *copying) open() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.running, " and ")
}
