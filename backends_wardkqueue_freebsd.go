//go:build wardkqueue

package ward

// With the build tag wardkqueue FreeBSD runs what is Darwin's backend, so that
// its tests show something of it on a real kqueue.
const (
	defaultBackend = "kqueue"
	backends       = "kqueue fallback" // that the environment may choose
)
