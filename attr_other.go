//go:build !windows

package ward

// supported returns an error for what no backend offers.
func (a *Attr) supported() error {
	switch {
	case a.Private:
		return unsupported("Attr.Private")
	case a.KillOnParentExit:
		return unsupported("Attr.KillOnParentExit")
	case a.Tree:
		return unsupported("Attr.Tree")
	}
	return nil
}
