package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardproc/ward"
	"github.com/wardproc/ward/internal/childtest"
	"github.com/wardproc/ward/internal/selftest"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	selftest.Register("init", func(args []string) {
		// The command is a helper, too.
		if len(args) > 1 {
			path, argv, env := selftest.Command(args[0], args[1:]...)
			os.Clearenv()
			for _, e := range env {
				name, value, _ := strings.Cut(e, "=")
				os.Setenv(name, value)
			}
			args = append([]string{path}, argv[1:]...)
		}
		os.Args = append([]string{"init"}, args...)
		main()
	})
	selftest.Register("make orphans", makeOrphans)
	selftest.Register("leave orphans", leaveOrphans)
	selftest.Register("die", func(args []string) {
		syscall.Kill(os.Getpid(), syscall.Signal(number(args[0])))
		select {}
	})
	selftest.Register("await signal", awaitSignal)
	selftest.Register("count interrupts", countInterrupts)
	selftest.Main(m, func() string { return "" })
}

func number(arg string) int {
	n, err := strconv.Atoi(arg)
	if err != nil {
		panic(err)
	}
	return n
}

// startInit starts the program as PID 1 of a pid namespace. It returns its
// standard output and error.
func startInit(t *testing.T, args ...string) (ward.Handle, *bufio.Reader) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	defer w.Close()
	return startPID1(t, &ward.Attr{Files: []*os.File{nil, w, w}, Sys: new(syscall.SysProcAttr)}, args...), bufio.NewReader(r)
}

func startPID1(t *testing.T, attr *ward.Attr, args ...string) ward.Handle {
	t.Helper()
	childtest.NeedSys(t, syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID})
	path, argv, env := selftest.Command("init", args...)
	attr.Env = env
	attr.Sys.Cloneflags = syscall.CLONE_NEWPID
	h, err := ward.Start(path, argv, attr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.Kill()
		<-h.Done()
	})
	return h
}

func expect(t *testing.T, h ward.Handle, out *bufio.Reader, code int) {
	t.Helper()
	state, err := h.Wait(context.Background())
	if err != nil || state.ExitCode() != code {
		text, _ := out.ReadString(0)
		t.Errorf("init: %v, %v, want %d\n%s", state, err, code, text)
	}
}

func TestInitExitsAsItsCommand(t *testing.T) {
	for code, args := range map[int][]string{
		0:                          {"exit", "0"},
		42:                         {"exit", "42"},
		128 + int(syscall.SIGKILL): {"die", "9"},
		128 + int(syscall.SIGTERM): {"die", "15"},
		2:                          {},
		127:                        {"/no such program"},
	} {
		h, out := startInit(t, args...)
		expect(t, h, out, code)
	}
}

func TestInitHandsSignalsOn(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1} {
		h, out := startInit(t, "await signal", "for all")
		expectLine(t, out, "ready\n")
		if err := h.Signal(sig); err != nil {
			t.Fatal(err)
		}
		expect(t, h, out, 100+int(sig))
	}
}

func awaitSignal([]string) {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1)
	fmt.Println("ready")
	os.Exit(100 + int((<-got).(syscall.Signal)))
}

// TestTerminalInterruptsTheCommandOnce has init lead the session of a terminal.
func TestTerminalInterruptsTheCommandOnce(t *testing.T) {
	terminal, tty := openTerminal(t)
	h := startPID1(t, &ward.Attr{
		Files: []*os.File{tty, tty, tty},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0},
	}, "count interrupts", "until SIGTERM")
	tty.Close()
	out := bufio.NewReader(terminal)
	const interrupt = "\x03" // ^C
	expectLine(t, out, "ready\n")
	terminal.WriteString("a line\n")
	expectLine(t, out, "read \"a line\\n\"\n")
	h.Signal(syscall.SIGSTOP) // so that two signals cannot become one
	terminal.WriteString(interrupt)
	expectLine(t, out, "interrupt\n")
	h.Signal(syscall.SIGCONT)
	h.Signal(syscall.SIGUSR1)
	expectLine(t, out, "user defined signal 1\n")
	h.Signal(syscall.SIGTERM)
	expect(t, h, out, 100+1)
}

func expectLine(t *testing.T, out *bufio.Reader, want string) {
	t.Helper()
	if line, err := out.ReadString('\n'); line != want {
		t.Fatalf("read %q, %v; want %q", line, err, want)
	}
}

// openTerminal returns both ends of a pseudoterminal, which changes no text and
// does not echo: pty(7).
func openTerminal(t *testing.T) (terminal, tty *os.File) {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	if err := unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(int(terminal.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	modes, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	modes.Lflag &^= unix.ECHO
	modes.Oflag &^= unix.OPOST
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, modes); err != nil {
		t.Fatal(err)
	}
	return terminal, tty
}

// countInterrupts ends with SIGTERM and 100 more than the number of SIGINTs.
func countInterrupts([]string) {
	got := make(chan os.Signal, 10)
	signal.Notify(got, syscall.SIGINT, syscall.SIGUSR1, syscall.SIGTERM)
	fmt.Println("ready")
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		panic(err)
	}
	fmt.Printf("read %q\n", line)
	interrupts := 0
	for sig := range got {
		switch sig {
		case syscall.SIGTERM:
			os.Exit(100 + interrupts)
		case syscall.SIGINT:
			interrupts++
		}
		fmt.Println(sig)
	}
}

func TestInitReapsOrphans(t *testing.T) {
	h, out := startInit(t, "make orphans", "20")
	expect(t, h, out, 7)
}

// makeOrphans has orphans come to PID 1, by children that leave theirs behind,
// and exits with 7 when they are gone.
func makeOrphans(args []string) {
	var orphans []int
	for range number(args[0]) {
		orphans = append(orphans, orphan())
	}
	for _, pid := range orphans {
		// A zombie can be signalled: only the reap ends that.
		for syscall.Kill(pid, 0) != syscall.ESRCH {
			time.Sleep(time.Millisecond)
		}
	}
	os.Exit(7)
}

// orphan returns the number of a new child of PID 1.
func orphan() (pid int) {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	defer r.Close()
	path, argv, env := selftest.Command("leave orphans")
	h, err := ward.Start(path, argv, &ward.Attr{Env: env, Files: []*os.File{nil, w, os.Stderr}})
	if err != nil {
		panic(err)
	}
	w.Close()
	if _, err := fmt.Fscan(r, &pid); err != nil {
		panic(err)
	}
	h.Wait(context.Background())
	return pid
}

// leaveOrphans starts a child, says who it is, and leaves it alone.
func leaveOrphans([]string) {
	path, argv, env := selftest.Command("exit", "0")
	h, err := ward.Start(path, argv, &ward.Attr{Env: env})
	if err != nil {
		panic(err)
	}
	fmt.Println(h.PID())
}
