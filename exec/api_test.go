package exec_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	osexec "os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/wardproc/ward/exec"
)

// api has all that os/exec exports: a value of its own beside ours. For a type
// the value is a nil pointer to it.
var api = map[string][2]any{
	"Cmd":            {(*osexec.Cmd)(nil), (*exec.Cmd)(nil)},
	"Command":        {osexec.Command, exec.Command},
	"CommandContext": {osexec.CommandContext, exec.CommandContext},
	"ErrDot":         {&osexec.ErrDot, &exec.ErrDot},
	"ErrNotFound":    {&osexec.ErrNotFound, &exec.ErrNotFound},
	"ErrWaitDelay":   {&osexec.ErrWaitDelay, &exec.ErrWaitDelay},
	"Error":          {(*osexec.Error)(nil), (*exec.Error)(nil)},
	"ExitError":      {(*osexec.ExitError)(nil), (*exec.ExitError)(nil)},
	"LookPath":       {osexec.LookPath, exec.LookPath},
}

// missing has what this package leaves out of os/exec, with the reason:
// nothing.
var missing = map[string]string{}

// replaced are the types of os/exec and package os of which there is one of
// ours in their place.
var replaced = map[reflect.Type]reflect.Type{
	reflect.TypeFor[osexec.Cmd]():       reflect.TypeFor[exec.Cmd](),
	reflect.TypeFor[osexec.ExitError](): reflect.TypeFor[exec.ExitError](),
	reflect.TypeFor[os.Process]():       reflect.TypeFor[exec.Process](),
	reflect.TypeFor[os.ProcessState]():  reflect.TypeFor[exec.ProcessState](),
}

// TestAPIListsWhatOSExecExports asks the source of the Go version in use.
func TestAPIListsWhatOSExecExports(t *testing.T) {
	source, err := build.Import("os/exec", "", 0)
	if err != nil || len(source.GoFiles) == 0 {
		t.Skipf("the source of os/exec is not here: %v", err)
	}
	exported := map[string]bool{}
	for _, name := range source.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(source.Dir, name), nil, parser.SkipObjectResolution)
		check(t, err)
		for _, decl := range file.Decls {
			for _, name := range declared(decl) {
				exported[name.Name] = name.IsExported()
			}
		}
	}
	for name, public := range exported {
		_, listed := api[name]
		reason, left := missing[name]
		if public && !listed && !left {
			t.Errorf("os/exec exports %s: this package lacks it, or the list here does", name)
		}
		if left && (listed || !public || reason == "") {
			t.Errorf("%s is on the list of what is missing, for the reason %q", name, reason)
		}
	}
}

// declared returns the names that a declaration adds to its package.
func declared(decl ast.Decl) (names []*ast.Ident) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			names = append(names, decl.Name)
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name)
			case *ast.ValueSpec:
				names = append(names, spec.Names...)
			}
		}
	}
	return names
}

func TestAPIHasTheTypesOfOSExec(t *testing.T) {
	for name, values := range api {
		std, own := reflect.TypeOf(values[0]), reflect.TypeOf(values[1])
		if !alike(std, own) {
			t.Errorf("%s is a %v, want %v", name, own, std)
		}
	}
	for std, own := range replaced {
		for i := range std.NumField() {
			field := std.Field(i)
			ours, ok := own.FieldByName(field.Name)
			if field.IsExported() && !(ok && ours.Anonymous == field.Anonymous && alike(field.Type, ours.Type)) {
				t.Errorf("%v: field %s is %v, want %v", own, field.Name, ours.Type, field.Type)
			}
		}
		std, own = reflect.PointerTo(std), reflect.PointerTo(own)
		for i := range std.NumMethod() {
			method := std.Method(i)
			ours, ok := own.MethodByName(method.Name)
			if !ok || !alike(method.Type, ours.Type) {
				t.Errorf("%v: method %s is %v, want %v", own, method.Name, ours.Type, method.Type)
			}
		}
	}
}

// alike reports whether own is std with our types in the place of theirs.
func alike(std, own reflect.Type) bool {
	if std == own || replaced[std] == own {
		return true
	}
	if std.Kind() != own.Kind() || std.Name() != "" {
		return false
	}
	switch std.Kind() {
	case reflect.Pointer, reflect.Slice:
		return alike(std.Elem(), own.Elem())
	case reflect.Func:
		if std.NumIn() != own.NumIn() || std.NumOut() != own.NumOut() || std.IsVariadic() != own.IsVariadic() {
			return false
		}
		for i := range std.NumIn() {
			if !alike(std.In(i), own.In(i)) {
				return false
			}
		}
		for i := range std.NumOut() {
			if !alike(std.Out(i), own.Out(i)) {
				return false
			}
		}
		return true
	}
	return false
}

func TestErrorsAreThoseOfOSExec(t *testing.T) {
	for name, values := range api {
		if strings.HasPrefix(name, "Err") && name != "Error" && *values[0].(*error) != *values[1].(*error) {
			t.Errorf("%s is another error", name)
		}
	}
}
