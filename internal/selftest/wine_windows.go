package selftest

import (
	"errors"

	"golang.org/x/sys/windows"
)

var wineGetVersion = ntdll.NewProc("wine_get_version")

// Wine reports whether the system is Wine and not Windows.
func Wine() bool { return wineGetVersion.Find() == nil }

// WineFailed reports whether err is what a start under Wine fails with now and
// then when others are under way.
func WineFailed(err error) bool {
	return Wine() && errors.Is(err, windows.ERROR_INTERNAL_ERROR)
}
