package ward_test

import (
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/selftest"
)

// What any user of the package can see is tested in test/conformance. The tests
// here are those of one mechanism or of internals.
func TestMain(m *testing.M) {
	ward.Main()
	selftest.Main(m, func() string { return ward.Capabilities().String() })
}
