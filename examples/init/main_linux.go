// Init is a small init process for a container: it runs a command, hands on the
// signals it gets, reaps the orphans that come to it as PID 1, and exits as the
// command does, with 128 and the signal's number if one ended it. A command that is
// stopped by ^Z goes on with SIGCONT, which init hands on, too.
//
//	init command [argument...]
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/wardproc/ward"
	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: init command [argument...]")
		os.Exit(2)
	}
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
	}
	os.Exit(code)
}

func run(argv []string) (code int, err error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 127, err
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	signal.Reset(syscall.SIGCHLD, syscall.SIGURG) // our own: the Go runtime uses SIGURG

	var reaper ward.Reaper
	go reaper.Run(context.Background())

	attr := &ward.Attr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}}
	group, err := unix.IoctlGetUint32(0, unix.TIOCGPGRP)
	if err == nil && int(group) == unix.Getpgrp() {
		// We are in the foreground of a terminal. From now on the command is, alone:
		// else ^C would reach it twice, once from here.
		attr.Sys = &syscall.SysProcAttr{Foreground: true, Ctty: 0}
	}
	command, err := ward.Start(path, argv, attr)
	if err != nil {
		return 126, err
	}
	for {
		select {
		case s := <-signals:
			command.Signal(s)
		case <-command.Done():
			state, err := command.Wait(context.Background())
			if err != nil {
				return 125, err
			}
			if state.Signaled() {
				return 128 + int(state.Signal().(syscall.Signal)), nil
			}
			return state.ExitCode(), nil
		}
	}
}
