package ward

import (
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/windows"
)

func TestTokenGivesItsEnvironment(t *testing.T) {
	var token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_QUERY|windows.TOKEN_DUPLICATE, &token); err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	const own = "WARD_TEST_VALUE=of the program only"
	t.Setenv("WARD_TEST_VALUE", "of the program only")
	for _, withToken := range []bool{false, true} {
		attr := &Attr{Sys: new(syscall.SysProcAttr)}
		if withToken {
			attr.Sys.Token = syscall.Token(token)
		}
		got, release, err := windowsAttr(attr)
		if err != nil {
			t.Fatal(err)
		}
		release()
		if slices.Contains(got.Env, own) == withToken || len(got.Env) == 0 {
			t.Errorf("token %v: environment %q", withToken, got.Env)
		}
	}
}
