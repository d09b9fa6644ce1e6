//go:build linux || darwin || freebsd

package mux

// An ID names one watch, and 0 none. The kernel keeps it, and says it also with an
// event that was on its way when the watch ended: so it is not used again, or, with
// 32 bits, not before all others have been.
type ID uintptr

// watchers are those who wait for events, by ID.
type watchers[W any] struct {
	byID map[ID]W
	last ID
}

func (ws *watchers[W]) add(w W) ID {
	if ws.byID == nil {
		ws.byID = make(map[ID]W)
	}
	for {
		ws.last++
		if _, used := ws.byID[ws.last]; !used && ws.last != 0 {
			ws.byID[ws.last] = w
			return ws.last
		}
	}
}
