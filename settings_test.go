package ward

import (
	"strings"
	"testing"
)

func TestSettingsRefuseWhatTheyDoNotKnow(t *testing.T) {
	for text, want := range map[string]string{
		"bakend=pidfd":            `"bakend" is none of: [backend=pidfd|procdesc|kqueue|fallback spawn=std `,
		"backend=pidf":            `backend="pidf" is not one of: pidfd procdesc kqueue fallback`,
		"recover":                 `recover="" is not one of`,
		"spawn=std,recover=maybe": `recover="maybe"`,
	} {
		if _, err := parseSettings(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseSettings(%q): %v, want %s", text, err, want)
		}
	}
	got, err := parseSettings("backend=fallback,spawn=std,recover=off,packets=off,private=parent")
	if want := (settings{"fallback", "std", "off", "off", "parent"}); got != want || err != nil {
		t.Errorf("parseSettings: %v, %v", got, err)
	}
}
