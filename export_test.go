package ward

// Force makes what the environment variable WARD would, until restore.
func Force(text string) (restore func()) {
	before := environment
	set, err := parseSettings(text)
	environment = func() (settings, error) { return set, err }
	return func() { environment = before }
}
