//go:build !wardkqueue

package ward

const (
	defaultBackend = "procdesc"
	backends       = "procdesc kqueue fallback" // that the environment may choose
)
