package childtest

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/selftest"
)

// A Variant is an environment in which the same tests mean another backend,
// another way to start a child, or children that are private.
type Variant struct {
	Name  string
	Env   []string
	Lacks string // what the system would need for it
}

// Variants returns what the variable WARDDEBUG can force, and private children. With
// -test.short it is only these, as the system offers them: the rest is the same on
// every kernel, or the first choice on another one.
func Variants() []Variant {
	if testing.Short() {
		offered := private()
		return offered[:min(len(offered), 1)]
	}
	return append(forced(), private()...)
}

// Chosen returns the variable in the environment that has made such a choice for
// all tests, if there is one.
func Chosen() string {
	for _, variable := range []string{"WARDDEBUG", PrivateVariable, BriefVariable, selftest.RefuseVariable} {
		if os.Getenv(variable) != "" {
			return variable
		}
	}
	return ""
}

// Tier is that of the children that Start and its like start.
func Tier() ward.Tier {
	if Private {
		return ward.TierPrivate
	}
	return ward.Capabilities().Tier
}

// ReachesOrphans tells whether KillTree is promised to reach the rest of a tree
// after the child's exit.
func ReachesOrphans() bool {
	switch ward.Capabilities().Backend {
	case "waitobj", "procdesc":
		return true
	}
	f, _ := Feature(ward.Capabilities(), "PIDFD_SIGNAL_PROCESS_GROUP")
	return f.OK
}

// Autoreaps reports whether private children are those that the kernel reaps:
// then nobody has their resource usage, and a wait may find that one runs.
func Autoreaps() bool {
	f, _ := Feature(ward.Capabilities(), "CLONE_AUTOREAP")
	return f.OK && os.Getenv("WARDDEBUG") != "private=parent"
}

// forced are the choices of the variable WARDDEBUG.
func forced() (variants []Variant) {
	var values []string
	switch caps := ward.Capabilities(); {
	case caps.Backend == "pidfd":
		values = []string{"backend=fallback", "recover=off"}
		if caps.Spawn == "fast" {
			values = append(values, "spawn=std")
		}
	case caps.Backend == "procdesc":
		values = []string{"backend=kqueue", "backend=fallback", "recover=off"}
	case caps.Backend == "kqueue":
		values = []string{"backend=fallback", "recover=off"}
	case caps.Backend == "waitobj" && caps.Features[0].OK:
		values = []string{"packets=off"}
	}
	for _, value := range values {
		variants = append(variants, Variant{Name: value, Env: []string{"WARDDEBUG=" + value}})
	}
	if caps := ward.Capabilities(); caps.Backend == "pidfd" && caps.Spawn == "fast" {
		variants = append(variants, Variant{Name: "brief", Env: []string{BriefVariable + "=on"}})
	}
	return variants
}

// private are those in which all children are private, where they can be: as
// the system offers it, and where the kernel reaps them, also with parents of their own.
func private() []Variant {
	if runtime.GOOS == "windows" {
		return nil // every child is private, asked for or not
	}
	v := Variant{Name: "private", Env: []string{PrivateVariable + "=on"}}
	h, err := TryStart(&ward.Attr{Private: true}, "exit", "0")
	if errors.Is(err, errors.ErrUnsupported) {
		v.Lacks = err.Error()
	}
	if err != nil {
		return []Variant{v}
	}
	<-h.Done()
	if f, _ := Feature(ward.Capabilities(), "CLONE_AUTOREAP"); !f.OK {
		return []Variant{v}
	}
	return []Variant{v, {Name: "private=parent", Env: append(v.Env, "WARDDEBUG=private=parent")}}
}

// Feature returns the feature whose name has word in it.
func Feature(caps ward.Caps, word string) (ward.Feature, bool) {
	for _, f := range caps.Features {
		if strings.Contains(f.Name, word) {
			return f, true
		}
	}
	return ward.Feature{Name: word, Reason: "not looked for"}, false
}
