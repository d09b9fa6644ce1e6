//go:build darwin || freebsd

package mux

import (
	"syscall"
	"testing"
)

func (c *child) attr(*testing.T) *syscall.SysProcAttr { return nil }

func (c *child) watch(m *Mux, w Watcher) (ID, error) { return m.WatchNumber(c.pid, w) }

// tells reports whether r is what an exit with the code is reported by.
func (r report) tells(code int) bool {
	return r.known && syscall.WaitStatus(r.status).ExitStatus() == code
}
