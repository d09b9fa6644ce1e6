package mux

import (
	"fmt"
	"testing"

	"github.com/wardproc/ward/internal/wardtest"
)

func TestMain(m *testing.M) {
	wardtest.Main(m, func() string { return fmt.Sprintln("wait completion packets:", PacketsWork()) })
}
