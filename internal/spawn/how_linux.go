package spawn

// How is what attr does not say of a child.
type How struct {
	// Inherits gives the child the descriptors without close-on-exec, too: see
	// inheritTable.
	Inherits bool

	// Exited, if not nil, has the start wait for the child's exit, too, for a short
	// time. It is set if the child has exited.
	Exited *bool

	// Cancel, if not nil, ends a start whose exec hangs.
	Cancel *Cancel

	// ParentThread has parentthread.Programs make the child, which the caller holds.
	ParentThread bool
}

// A Cancel ends a start whose exec hangs, by killing the child, which then counts as
// made.
type Cancel struct {
	Done   <-chan struct{} // when it is closed
	Killed bool
}
