//go:build !unix

package ward

import "sync"

// Where children are not waited for by number, nobody asks for them by number.

type reapTable struct{}

type cohort struct{}

var table reapTable

func (reapTable) begin() *cohort    { return nil }
func (reapTable) end(*cohort)       {}
func (reapTable) remove(p *process) {}

// numbers is never held for writing.
var numbers sync.RWMutex
