package selftest

// Descriptors returns the open descriptors, as Main compares them: on Linux each
// with what it refers to, elsewhere numbers or handles.
func Descriptors() []string { return descriptors() }
