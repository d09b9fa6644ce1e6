package spawn

// Null is the entry of ProcAttr.Files for the null device. On Linux, Child opens it where
// there is one; elsewhere it is not known.
const Null = ^uintptr(0) - 1
