package main

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/wardproc/ward"
)

// The names of the sides, as in the table and in -libraries.
const (
	osExecName = "os/exec"
	wardName   = "ward"
	peerName   = "C"
	partsName  = "C parts" // with all that ward needs, and no wait for the exec
	vforkName  = "C vfork"
)

// isPeer tells the sides of the C program.
func isPeer(lib string) bool { return lib == peerName || lib == partsName || lib == vforkName }

// A child is what a library's start returns: an *exec.Cmd or a ward.Handle. It
// has no methods of its own because wrapping either would add an allocation to
// those that are counted.
type child any

// A library starts children and waits for them, the way its users do.
type library interface {
	start(p program, argv []string, files []*os.File) (child, error)
	// wait returns the exit code, or -1 after a signal, or an error when the
	// library does not know how the child ended.
	wait(c child) (code int, err error)
}

var libraries = map[string]library{
	osExecName: osExec{},
	wardName:   wardLibrary{},
}

// osExec gives each child its files as *os.File: os/exec then passes them on
// and copies nothing, which is its fastest way.
type osExec struct{}

func (osExec) start(p program, argv []string, files []*os.File) (child, error) {
	cmd := exec.Command(p.Path, argv[1:]...)
	cmd.Env = p.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[1], files[2]
	return cmd, cmd.Start()
}

func (osExec) wait(c child) (int, error) {
	err := c.(*exec.Cmd).Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

type wardLibrary struct{}

func (wardLibrary) start(p program, argv []string, files []*os.File) (child, error) {
	return ward.Start(p.Path, argv, &ward.Attr{Env: p.Env, Files: files})
}

func (wardLibrary) wait(c child) (int, error) {
	state, err := c.(ward.Handle).Wait(context.Background())
	if err != nil {
		return 0, err
	}
	return state.ExitCode(), nil
}
