package mux

import (
	"fmt"
	"testing"

	"github.com/wardproc/ward/internal/selftest"
)

func TestMain(m *testing.M) {
	selftest.Main(m, func() string {
		return fmt.Sprintln("wait completion packets:", PacketsWork())
	})
}
