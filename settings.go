package ward

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/wardproc/ward/internal/secureexec"
)

// settings is what the variable WARDDEBUG in the environment forces, for tests and
// for users in trouble: "backend=fallback,recover=off".
type settings struct {
	backend string // "", "pidfd", "procdesc", "kqueue" or "fallback"
	spawn   string // "" or "std"
	recover string // "" or "off"
	packets string // "" or "off"
	private string // "" or "keeper"
}

// environment reads WARDDEBUG once, at the first start. In secure-execution mode it
// is not looked at: it may say anything, and the program is not its author's.
var environment = sync.OnceValues(func() (settings, error) {
	if secureexec.On() {
		return settings{}, nil
	}
	set, err := parseSettings(os.Getenv("WARDDEBUG"))
	if err == nil && set.backend != "" && !contains(backends, set.backend) {
		err = unsupported("WARDDEBUG=backend=" + set.backend)
	}
	return set, err
})

// parseSettings refuses what it does not know: a misspelt setting that is
// passed over would test the wrong thing.
func parseSettings(text string) (settings, error) {
	var s settings
	known := map[string]struct {
		value  *string
		values string
	}{
		"backend": {&s.backend, "pidfd procdesc kqueue fallback"},
		"spawn":   {&s.spawn, "std"},
		"recover": {&s.recover, "off"},
		"packets": {&s.packets, "off"},
		"private": {&s.private, "keeper"},
	}
	for item := range strings.SplitSeq(text, ",") {
		if item == "" {
			continue
		}
		key, value, _ := strings.Cut(item, "=")
		setting, ok := known[key]
		if !ok {
			return s, fmt.Errorf("environment variable WARDDEBUG: unknown setting %q", key)
		}
		if !contains(setting.values, value) {
			return s, fmt.Errorf("environment variable WARDDEBUG: %s=%q is not one of: %s", key, value, setting.values)
		}
		*setting.value = value
	}
	return s, nil
}

func contains(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}
