//go:build linux || freebsd

package spawn

import (
	"fmt"
	"testing"

	"github.com/wardproc/ward/internal/selftest"
)

func TestMain(m *testing.M) {
	selftest.Main(m, func() string { return fmt.Sprintln("spawn programs:", Works()) })
}
