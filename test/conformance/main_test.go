package conformance_test

import (
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/selftest"
)

func TestMain(m *testing.M) {
	ward.Main()
	selftest.Main(m, func() string {
		variantsAtOnce()
		return ward.Capabilities().String()
	})
}

// children is how many a test of many starts, and how many at a time.
func children() (n, parallel int) {
	if *selftest.Long {
		return 5_000, 64
	}
	if testing.Short() {
		return 40, 10
	}
	return 300, 16
}

// noGoroutines fails the test if the package holds a goroutine, from the time
// on that it may linger.
func noGoroutines(t *testing.T) {
	t.Helper()
	if err := selftest.Goroutines(); err != nil {
		t.Fatal(err)
	}
}
