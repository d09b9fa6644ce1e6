package selftest

import (
	"io"
	"os"
	"strconv"
)

// exit ends with the code args[0].
func exit(args []string) { os.Exit(Number(args[0])) }

// stdin ends with the code args[0] at the end of file on standard input.
func stdin(args []string) {
	io.Copy(io.Discard, os.Stdin)
	os.Exit(Number(args[0]))
}

// Number reads an argument of a helper.
func Number(arg string) int {
	n, err := strconv.Atoi(arg)
	if err != nil {
		panic(err)
	}
	return n
}
