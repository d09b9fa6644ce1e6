package ward

import (
	"cmp"
	"fmt"
	"os"
	"slices"
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
	private string // "" or "parent"
}

// environment reads WARDDEBUG once, at the first start. In secure-execution mode it
// is not looked at: it may say anything, and the program is not its author's.
var environment = sync.OnceValues(func() (settings, error) {
	if secureexec.On() {
		return settings{}, nil
	}
	set, err := parseSettings(os.Getenv("WARDDEBUG"))
	if err == nil && set.backend != "" && !contains(backends, set.backend) {
		there := cmp.Or(backends, "none")
		err = unsupported(fmt.Sprintf("WARDDEBUG=backend=%s (there are: %s)", set.backend, there))
	}
	return set, err
})

// A setting is one that there is, with the values that it may have.
type setting struct {
	key    string
	value  *string
	values string
}

func (s setting) String() string { return s.key + "=" + strings.ReplaceAll(s.values, " ", "|") }

// parseSettings refuses what it does not know: a misspelt setting that is
// passed over would test the wrong thing.
func parseSettings(text string) (settings, error) {
	const variable = "environment variable WARDDEBUG"
	var s settings
	known := []setting{
		{"backend", &s.backend, "pidfd procdesc kqueue fallback"},
		{"spawn", &s.spawn, "std"},
		{"recover", &s.recover, "off"},
		{"packets", &s.packets, "off"},
		{"private", &s.private, "parent"},
	}
	for item := range strings.SplitSeq(text, ",") {
		if item == "" {
			continue
		}
		key, value, _ := strings.Cut(item, "=")
		i := slices.IndexFunc(known, func(k setting) bool { return k.key == key })
		if i < 0 {
			return s, fmt.Errorf("%s: unknown setting %q is none of: %v", variable, key, known)
		}
		if !contains(known[i].values, value) {
			return s, fmt.Errorf("%s: %s=%q is not one of: %s", variable, key, value, known[i].values)
		}
		*known[i].value = value
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
