package ward

// StartVisible is Start without Attr.Private, for systems that do not have it.
func (f *Function) StartVisible(attr *Attr, args ...string) (Handle, error) {
	path, argv, attr, err := f.command(attr, args)
	if err != nil {
		return nil, err
	}
	attr.Private = false
	return Start(path, argv, attr)
}

// Command returns the child's Attr.
func (f *Function) Command(attr *Attr, args ...string) (*Attr, error) {
	_, _, attr, err := f.command(attr, args)
	return attr, err
}

// Force makes what the environment variable WARDDEBUG would, until restore.
func Force(text string) (restore func()) {
	before := environment
	set, err := parseSettings(text)
	environment = func() (settings, error) { return set, err }
	return func() { environment = before }
}
