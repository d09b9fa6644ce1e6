//go:build wardkqueue

package ward_test

// forNumbers tells that the binary is built for the kqueue backend.
const forNumbers = true
